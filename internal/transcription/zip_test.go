package transcription_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/transcription/transcriptiontest"
)

// shelf keeps objects in memory, as far as zips need that.
type shelf struct {
	transcription.Objects

	mu      sync.Mutex
	objects map[string][]byte
	breaks  int    // uploads that fail
	reading func() // called when an upload begins
}

func (s *shelf) UploadSealed(_ context.Context, key string, r io.Reader, _ int64) (transcription.Stored, error) {
	if s.reading != nil {
		s.reading()
	}
	body, err := io.ReadAll(r)
	if err != nil {
		return transcription.Stored{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.breaks > 0 {
		s.breaks--
		return transcription.Stored{}, fault.New(fault.Unavailable, "The storage does not answer.")
	}
	s.objects[key] = body
	return transcription.Stored{Size: int64(len(body))}, nil
}

func (s *shelf) Open(_ context.Context, key string) (io.ReadCloser, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, ok := s.objects[key]
	if !ok {
		return nil, 0, fault.New(fault.NotFound, "There is no object %s.", key)
	}
	return io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
}

// packing is a packer on stores in memory, with texts of somebody.
type packing struct {
	*transcription.Service
	packer *transcription.Packer
	store  *transcriptiontest.Store
	shelf  *shelf
	who    auth.Actor
	ids    []uuid.UUID
}

func newPacking(t *testing.T, texts int) *packing {
	t.Helper()
	p := &packing{store: new(transcriptiontest.Store), shelf: &shelf{objects: map[string][]byte{}}, who: authtest.Actor(uuid.New(), auth.Member)}
	p.Service = transcription.NewService(p.store, p.shelf, idle{}, nil, transcription.Limits{})
	p.packer = transcription.NewPacker(p.Service, p.store, transcription.Exporter{})
	for i := range texts {
		segments := []transcription.Segment{said("", 0, fmt.Sprintf("word%d", i))}
		tr := transcription.Transcription{
			ID: uuid.New(), OwnerID: p.who.UserID, Run: 1, Status: transcription.Completed, Segments: segments, Text: transcription.Text(segments),
			File: transcription.File{Name: "talk.mp3"},
		}
		p.store.Insert(tr)
		p.ids = append(p.ids, tr.ID)
	}
	return p
}

// order asks for a zip of everything.
func (p *packing) order(t *testing.T) *transcription.Zip {
	t.Helper()
	f, err := transcription.FindFormat("txt")
	if err != nil {
		t.Fatal(err)
	}
	z, err := p.CreateZip(t.Context(), p.who, p.ids, uuid.Nil, f, url.Values{"timestamps": {"true"}})
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func (p *packing) now(t *testing.T, z *transcription.Zip) *transcription.Zip {
	t.Helper()
	got, err := p.Zip(t.Context(), p.who, z.ID)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// files returns what is in the file of a zip.
func (p *packing) files(t *testing.T, z *transcription.Zip) map[string]string {
	t.Helper()
	body, size, err := p.OpenZip(t.Context(), p.who, z.ID)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(body)
	if err != nil || int64(len(b)) != size {
		t.Fatalf("%d of %d bytes, %v", len(b), size, err)
	}
	r, err := zip.NewReader(bytes.NewReader(b), size)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err := errors.Join(err, in.Close()); err != nil {
			t.Fatal(err)
		}
		found[f.Name] = string(text)
	}
	return found
}

func TestPacker(t *testing.T) {
	t.Parallel()
	p := newPacking(t, 700) // more than a request may ask for
	z := p.order(t)
	if _, _, err := p.OpenZip(t.Context(), p.who, z.ID); fault.Of(err).Code != "not_completed" {
		t.Errorf("got %v", err)
	}
	if err := p.store.DeleteTranscription(t.Context(), p.who.UserID, p.ids[3]); err != nil {
		t.Fatal(err)
	}
	if err := p.packer.Pack(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := p.now(t, z)
	if got.State != transcription.ZipCompleted || got.Done != 700 || !strings.HasPrefix(got.Key, transcription.Prefix(p.who.UserID, z.ID)) {
		t.Fatalf("got %s, %d, %s, %+v", got.State, got.Done, got.Key, got.Failure)
	}
	files := p.files(t, z)
	if text := files["talk.txt"]; len(files) != 699 || !strings.Contains(text, "word0") || !strings.Contains(text, "0:00") {
		t.Errorf("%d files, the first is %q", len(files), text)
	}
	delete(p.shelf.objects, got.Key)
	if _, _, err := p.OpenZip(t.Context(), p.who, z.ID); fault.Of(err).Code != "export_expired" {
		t.Errorf("got %v", err)
	}
}

// Whoever asks for a zip names up to 25 000 transcriptions in one request, each of which was asked
// for by itself.
func TestService_CreateZip_asksOnce(t *testing.T) {
	t.Parallel()
	p := newPacking(t, 400)
	calls := 0
	p.store.Watch(func() { calls++ })
	p.ids = append(p.ids, p.ids[7])
	z := p.order(t)
	if calls > 2 || z.Total != 400 || len(z.IDs) != 400 {
		t.Errorf("%d calls for a zip of %d, %d of them once", calls, z.Total, len(z.IDs))
	}
	calls = 0
	f, err := transcription.FindFormat("txt")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Bundle(t.Context(), p.who, p.ids, f); err != nil || calls > 1 {
		t.Errorf("%d calls for a bundle, %v", calls, err)
	}
}

// TestPacker_Run writes two at once: a large one kept all others of the process waiting.
func TestPacker_Run(t *testing.T) {
	t.Parallel()
	p := newPacking(t, 2)
	one, two := p.order(t), p.order(t)
	met := make(chan struct{})
	p.shelf.reading = func() {
		select {
		case met <- struct{}{}:
		case <-met:
		case <-t.Context().Done():
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.packer.Run(ctx) }()
	for _, z := range []*transcription.Zip{one, two} {
		for tick := time.Tick(10 * time.Millisecond); p.now(t, z).State != transcription.ZipCompleted; <-tick {
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestPacker_outage has the storage fail: the zip is tried again, and given up in the end.
func TestPacker_outage(t *testing.T) {
	t.Parallel()
	p := newPacking(t, 2)
	p.shelf.breaks = 1
	z := p.order(t)
	if err := p.packer.Pack(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := p.now(t, z); got.State != transcription.ZipWaiting || len(p.shelf.objects) != 0 {
		t.Errorf("got %+v", got)
	}
	always := newPacking(t, 2)
	always.shelf.breaks = transcription.ZipTries
	z = always.order(t)
	for range transcription.ZipTries - 1 {
		if _, err := always.store.ClaimZip(t.Context(), -1); err != nil { // whose writer died
			t.Fatal(err)
		}
	}
	if err := always.packer.Pack(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := always.now(t, z); got.State != transcription.ZipFailed || got.Failure.Code != "gave_up" {
		t.Errorf("got %+v", got)
	}
}

// TestPacker_canceled cancels a zip while it is being written.
func TestPacker_canceled(t *testing.T) {
	t.Parallel()
	p := newPacking(t, 2)
	z := p.order(t)
	p.shelf.reading = func() {
		if _, err := p.CancelZip(t.Context(), p.who, z.ID); err != nil {
			t.Error(err)
		}
	}
	if err := p.packer.Pack(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := p.now(t, z); got.State != transcription.ZipCanceled || got.Key != "" {
		t.Errorf("got %+v", got)
	}
}
