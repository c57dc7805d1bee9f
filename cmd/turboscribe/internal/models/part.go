package models

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// What lies beside a model that has not arrived whole: its beginning, and what
// the server called the version it is of.
const (
	partSuffix      = ".part"
	validatorSuffix = ".part.version"
)

// part is the beginning of a file that is on its way. One process at a time has
// it.
type part struct {
	file    *os.File
	target  string // its name when it is whole
	size    int64
	sum     hash.Hash
	resumed bool // it began with bytes of an earlier download
}

// openPart opens or makes the part for target, and reads what is in it already.
func openPart(ctx context.Context, target string) (*part, error) {
	f, err := os.OpenFile(target+partSuffix, os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // workers of another user read it
	if err != nil {
		return nil, err
	}
	p := &part{file: f, target: target, sum: sha256.New()}
	if err := p.take(ctx); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return p, nil
}

func (p *part) take(ctx context.Context) (err error) {
	if err := lock(p.file); err != nil {
		return fmt.Errorf("another process is downloading %s: %w", filepath.Base(p.target), err)
	}
	mine, err := p.file.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Stat(p.target + partSuffix); err != nil || !os.SameFile(mine, there) {
		return fmt.Errorf("another process has just finished to download %s", filepath.Base(p.target))
	}
	if p.size, err = io.Copy(p.sum, &reader{ctx, p.file}); err != nil {
		return fmt.Errorf("read what has arrived of %s: %w", filepath.Base(p.target), err)
	}
	p.resumed = p.size > 0
	return nil
}

// Write appends.
func (p *part) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.sum.Write(b[:n])
	p.size += int64(n)
	return n, err
}

// restart forgets what has arrived.
func (p *part) restart() error {
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	p.size, p.resumed = 0, false
	p.sum.Reset()
	return errors.Join(p.file.Truncate(0), p.setVersion(""))
}

// version returns what the server called the version of what has arrived.
func (p *part) version() string {
	b, err := os.ReadFile(p.target + validatorSuffix)
	if err != nil {
		return "" // as if it had not said
	}
	return strings.TrimSpace(string(b))
}

func (p *part) setVersion(v string) error {
	path := p.target + validatorSuffix
	if v != "" {
		return os.WriteFile(path, []byte(v+"\n"), 0o644) //nolint:gosec // like the part itself
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// check returns what is wrong with a part that is complete.
func (p *part) check(m transcription.Model) error {
	if got := hexSum(p.sum); m.SHA256 != "" && got != m.SHA256 {
		return fmt.Errorf("the file that was downloaded for %s is not the published one: its SHA-256 is %s, not %s", m.Name, got, m.SHA256)
	}
	return check(p.file.Name(), m)
}

// finish gives a part that was checked its name. It is on the disk before that,
// so that not even a power cut leaves half a file under the name.
func (p *part) finish() error {
	if err := p.file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(p.file.Name(), p.target); err != nil {
		return err
	}
	return errors.Join(p.setVersion(""), syncDir(filepath.Dir(p.target)))
}

// discard removes a part that is no use.
func (p *part) discard() error {
	return errors.Join(os.Remove(p.file.Name()), p.setVersion(""))
}

func (p *part) close() error { return p.file.Close() }
