package seal_test

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/blob"
	"github.com/turboscribe/turboscribe/internal/blob/blobtest"
	"github.com/turboscribe/turboscribe/internal/seal"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// server is a real storage.
type server struct{ *blob.Store }

func (s server) Upload(ctx context.Context, key string, r io.Reader, limit int64) (transcription.Stored, error) {
	o, err := s.Store.Upload(ctx, key, r, limit)
	return transcription.Stored{Size: o.Size, SHA256: o.SHA256}, err
}

func (s server) Sign(context.Context, string, transcription.Served, time.Duration) (string, bool, error) {
	return "", false, nil
}

// BenchmarkObjects compares what is encrypted with what is not, in turns, on a real storage:
// uploads of 256 MiB, and chunks of five minutes written and read. It reports how many times
// as long encrypted ones take, and how much processor time more.
func BenchmarkObjects(b *testing.B) {
	store, known := server{blobtest.Open(b)}, seals{}
	o := map[bool]*seal.Objects{}
	for _, on := range []bool{false, true} {
		o[on] = seal.NewObjects(store, known, newRing(b, secret), extent[on])
	}
	b.Run("upload", func(b *testing.B) {
		compare(b, 256<<20, func(on bool) error {
			_, err := o[on].Upload(b.Context(), transcription.Prefix(uuid.New(), uuid.New())+"source", &zeros{left: 256 << 20}, 256<<20)
			return err
		})
	})
	const chunk = 5 * 60 * 16000 * 2
	body := sound(chunk)
	b.Run("chunk", func(b *testing.B) {
		compare(b, chunk, func(on bool) error {
			key := transcription.Prefix(uuid.New(), add(b, known, on)) + "chunks/1/00000-a.s16"
			if err := o[on].Put(b.Context(), key, body); err != nil {
				return err
			}
			r, _, err := o[on].Open(b.Context(), key)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, r)
			return errors.Join(err, r.Close())
		})
	})
}

// compare does the same plain and encrypted, in turns.
func compare(b *testing.B, size int64, do func(on bool) error) {
	b.Helper()
	b.SetBytes(2 * size)
	took, used := map[bool]time.Duration{}, map[bool]time.Duration{}
	for b.Loop() {
		for _, on := range []bool{false, true} {
			begun, before := time.Now(), processor(b)
			if err := do(on); err != nil {
				b.Fatal(err)
			}
			took[on] += time.Since(begun)
			used[on] += processor(b) - before
		}
	}
	gib := float64(size) * float64(b.N) / (1 << 30)
	b.ReportMetric(float64(took[true])/float64(took[false]), "times-as-long")
	b.ReportMetric(used[false].Seconds()/gib, "plain-cpu-s/GiB")
	b.ReportMetric(used[true].Seconds()/gib, "encrypted-cpu-s/GiB")
}

// processor returns the processor time that this process has used.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// add makes a transcription known, encrypted or not.
func add(b *testing.B, known seals, on bool) uuid.UUID {
	b.Helper()
	id := uuid.New()
	known[id] = transcription.Seal{}
	if on {
		known[id], _ = newRing(b, secret).New(id, false)
	}
	return id
}

// zeros is a long body that costs nothing to make.
type zeros struct{ left int }

// Read implements io.Reader.
func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), z.left)
	z.left -= n
	return n, nil
}
