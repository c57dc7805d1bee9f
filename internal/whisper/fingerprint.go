package whisper

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// samples and sampleSize say how much of a file its fingerprint looks at: 4 MiB, spread
// evenly. The whole of a large model would take minutes from a slow disk.
const (
	samples    = 64
	sampleSize = 64 << 10
)

// fingerprint tells a file from others: two that differ in a weight here and there may
// have the same, two models have not.
func fingerprint(path string) (print string, err error) {
	f, err := os.Open(path) //nolint:gosec // the path is of a model that the operator has installed
	if err != nil {
		return "", fmt.Errorf("open a model: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("look at a model: %w", err)
	}
	h := sha256.New()
	h.Write(fmt.Appendln(nil, s.Size()))
	for i := range int64(samples) {
		at := max(0, s.Size()-sampleSize) * i / (samples - 1)
		if _, err := io.Copy(h, io.NewSectionReader(f, at, sampleSize)); err != nil {
			return "", fmt.Errorf("read a model: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// checksum returns the SHA-256 of a file, as it is published for models.
func checksum(path string) (sum string, err error) {
	f, err := os.Open(path) //nolint:gosec // the path is of a model that the operator has installed
	if err != nil {
		return "", fmt.Errorf("open a model: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read a model: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
