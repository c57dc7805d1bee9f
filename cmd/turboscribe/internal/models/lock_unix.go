//go:build linux || darwin || freebsd

package models

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock takes a file for this process until it is closed.
func lock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// syncDir makes a new name in a directory last.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the directory a person has named
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
