// Package models keeps a directory of speech models: it lists, fetches, verifies
// and removes their files.
package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/whisper"
)

// Dir is a directory of model files.
type Dir string

// Path returns where the file of a model is, or would be.
func (d Dir) Path(m transcription.Model) string { return filepath.Join(string(d), m.File) }

// Entry is a known model as it stands in a directory.
type Entry struct {
	transcription.Model
	Installed bool
	Bytes     int64 // of its file
	Err       error // why its file cannot be used
}

// Usable reports whether the file is there and can be decoded with.
func (e Entry) Usable() bool { return e.Installed && e.Err == nil }

// List returns all known models, lowest rank first. It looks at the outline of
// their files, not at every byte.
func (d Dir) List() ([]Entry, error) {
	if _, err := os.Stat(string(d)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var entries []Entry
	for _, m := range transcription.Models() {
		e := Entry{Model: m}
		if info, err := os.Stat(d.Path(m)); err == nil {
			e.Installed, e.Bytes, e.Err = true, info.Size(), check(d.Path(m), m)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// check is whisper.CheckModel for the person who can mend what it finds.
func check(path string, m transcription.Model) error {
	err := whisper.CheckModel(path, m)
	if err == nil {
		return nil
	}
	switch fault.Of(err).Code {
	case "wrong_model":
		return fmt.Errorf("%s holds another model than %s", m.File, m.Name)
	case "model_damaged":
		return fmt.Errorf("%s is no model, or damaged", m.File)
	default:
		return err
	}
}

// Sum is what a checksum says of a file.
type Sum string

// What a checksum can say.
const (
	Same      Sum = "same"      // the file is the published one
	Different Sum = "different" // it is not: quantised, trained further, or damaged
	Unknown   Sum = "unknown"   // nothing is known to compare with
)

// Verify reads the whole file of a model and compares it with the published one.
// An error means that it cannot be read or decoded with. Progress is told the
// bytes read so far and all.
func (d Dir) Verify(ctx context.Context, m transcription.Model, progress func(done, total int64)) (sum Sum, err error) {
	f, err := os.Open(d.Path(m))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	count := &counter{w: h, add: func(n int64) { progress(n, info.Size()) }}
	if _, err := io.Copy(count, &reader{ctx, f}); err != nil {
		return "", fmt.Errorf("read %s: %w", m.File, err)
	}
	if err := check(d.Path(m), m); err != nil {
		return "", err
	}
	switch {
	case m.SHA256 == "":
		return Unknown, nil
	case hexSum(h) == m.SHA256:
		return Same, nil
	default:
		return Different, nil
	}
}

// Remove removes the file of a model and what an unfinished download has left.
// The error is fs.ErrNotExist when there was neither.
func (d Dir) Remove(m transcription.Model) error {
	path := d.Path(m)
	err := os.Remove(path)
	for _, rest := range []string{path + partSuffix, path + validatorSuffix} {
		switch restErr := os.Remove(rest); {
		case restErr == nil && errors.Is(err, fs.ErrNotExist):
			err = nil
		case restErr != nil && !errors.Is(restErr, fs.ErrNotExist):
			err = errors.Join(err, restErr)
		}
	}
	return err
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// counter tells how much was written.
type counter struct {
	w   io.Writer
	n   int64
	add func(n int64)
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	c.add(c.n)
	return n, err
}

// reader ends with its context.
type reader struct {
	ctx context.Context //nolint:containedctx // an io.Reader has no other way to hear of it
	r   io.Reader
}

func (r *reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}
