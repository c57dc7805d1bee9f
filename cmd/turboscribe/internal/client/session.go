package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// session is one sign-in.
type session struct {
	Email     string    `json:"email"`
	UserID    string    `json:"userId"`
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expiresAt"` // by the clock of this machine
	Cookies   []cookie  `json:"cookies"`   // for the sign-in routes only: the refresh token
}

type cookie struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// fresh reports whether the access token will be accepted for a while.
func (s session) fresh(now time.Time, atLeast time.Duration) bool {
	return s.Token != "" && s.ExpiresAt.Sub(now) > atLeast
}

// sessions is the file that keeps the sign-ins, one for each server. Only its
// owner can read it.
type sessions struct{ path string }

type sessionsFile struct {
	Servers map[string]session `json:"servers"`
}

func (f sessions) load() (sessionsFile, error) {
	found := sessionsFile{}
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		b, err = []byte("{}"), nil
	}
	if err != nil {
		return found, fmt.Errorf("read the sign-ins: %w", err)
	}
	if err := json.Unmarshal(b, &found); err != nil {
		return found, fmt.Errorf("read the sign-ins in %s (remove the file and log in again): %w", f.path, err)
	}
	if found.Servers == nil {
		found.Servers = map[string]session{}
	}
	return found, nil
}

// of returns the sign-in at a server and whether there is one.
func (f sessions) of(server string) (session, bool, error) {
	all, err := f.load()
	s, ok := all.Servers[server]
	return s, ok, err
}

func (f sessions) keep(server string, s session) error {
	all, err := f.load()
	if err != nil {
		return err
	}
	all.Servers[server] = s
	return f.save(all)
}

func (f sessions) drop(server string) error {
	all, err := f.load()
	if err != nil {
		return err
	}
	delete(all.Servers, server)
	return f.save(all)
}

// save replaces the file in one step, so that a reader never sees half of it.
func (f sessions) save(all sessionsFile) error {
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the sign-ins: %w", err)
	}
	if err := f.replace(append(b, '\n')); err != nil {
		return fmt.Errorf("keep the sign-in: %w", err)
	}
	return nil
}

func (f sessions) replace(b []byte) error {
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".credentials-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), f.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}
