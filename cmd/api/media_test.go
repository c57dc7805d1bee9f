package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/cmd/internal/backend"
	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/blob"
	"github.com/turboscribe/turboscribe/internal/blob/blobtest"
	"github.com/turboscribe/turboscribe/internal/media"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/privacy"
	"github.com/turboscribe/turboscribe/internal/rate"
	"github.com/turboscribe/turboscribe/internal/seal"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

// played is the API on a real database and a real storage, with a recording in it.
type played struct {
	blobs   *blob.Store
	server  *httptest.Server
	token   string
	key     string // of the object
	url     string
	content []byte
}

func newPlayed(t testing.TB, size int) *played {
	t.Helper()
	options := blobtest.Options(t)
	options.PublicEndpoint = options.Endpoint
	p := &played{content: make([]byte, size)}
	_, _ = rand.Read(p.content) // never fails
	copy(p.content, "fLaC\x00\x00\x00\x22")
	var err error
	p.blobs, err = blob.Open(t.Context(), options)
	ok(t, err)
	blobtest.MakeBucket(t, p.blobs)
	db := pgtest.Open(t, pgtest.URL(t))
	people, err := db.Accounts([]string{strings.Repeat("k", 32)})
	ok(t, err)
	accounts, err := auth.NewService(t.Context(), people, auth.Options{Secrets: [][]byte{[]byte(strings.Repeat("s", 32))}, Issuer: "http://localhost"})
	ok(t, err)
	grant, err := accounts.Register(t.Context(), "user@example.com", "four words in a row")
	ok(t, err)
	who, err := accounts.Authenticate(t.Context(), grant.Access)
	ok(t, err)
	ring, err := seal.NewKeyring([]string{strings.Repeat("k", 32)})
	ok(t, err)
	store := &backend.Backend{DB: db, Blobs: p.blobs, Ring: ring}
	service := transcription.NewService(db, store.Objects(seal.Nothing), noWorkers{}, media.Sniff, transcription.Limits{MaxBytes: 1 << 30})
	server, err := api.New(api.Options{
		PublicURL: "http://localhost", Auth: accounts, Logger: zerolog.Nop(), Limiter: rate.NewLimiter(nil, nil), Transcriptions: service,
		Webhooks: webhook.NewService(nil, nil, webhook.Rules{}), Privacy: privacy.NewService(db, accounts),
	})
	ok(t, err)
	p.server = httptest.NewServer(server.Handler())
	t.Cleanup(p.server.Close)
	tr, err := service.Upload(t.Context(), who, transcription.Upload{FileName: "talk.flac", Body: bytes.NewReader(p.content), Options: func() (transcription.Options, error) { return transcription.Options{}, nil }})
	ok(t, err)
	p.token, p.key, p.url = grant.Access, tr.File.Key, p.server.URL+"/api/v1/transcriptions/"+tr.ID.String()+"/media"
	return p
}

// got is an answer that was read to its end.
type got struct {
	status int
	header http.Header
	body   []byte
}

func (p *played) get(t testing.TB, url string, header ...string) got {
	t.Helper()
	var body bytes.Buffer
	status, h := p.copy(t, &body, url, header...)
	return got{status, h, body.Bytes()}
}

// copy writes the body of an answer to w.
func (p *played) copy(t testing.TB, w io.Writer, url string, header ...string) (int, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	ok(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := p.server.Client().Do(r)
	ok(t, err)
	_, err = io.Copy(w, res.Body)
	ok(t, errors.Join(err, res.Body.Close()))
	return res.StatusCode, res.Header
}

// TestMedia: what was uploaded comes back, whole and in parts, from us and from the
// storage itself, and as what it was found to be.
func TestMedia(t *testing.T) {
	t.Parallel()
	p := newPlayed(t, 9<<20)
	signed := p.get(t, p.url+"/url", "Authorization", "Bearer "+p.token)
	var in struct{ Data struct{ URL string } }
	ok(t, json.Unmarshal(signed.body, &in))
	for name, url := range map[string]string{"from us": p.url, "from the storage": in.Data.URL} {
		header := []string{}
		if url == p.url {
			header = []string{"Authorization", "Bearer " + p.token}
		}
		for _, part := range [][2]int{{0, len(p.content)}, {0, 2}, {65535, 65538}, {len(p.content) - 3, len(p.content)}, {1000, 8 << 20}} {
			res := p.get(t, url, append(header, "Range", fmt.Sprintf("bytes=%d-%d", part[0], part[1]-1))...)
			if res.status != http.StatusPartialContent || !bytes.Equal(res.body, p.content[part[0]:part[1]]) {
				t.Errorf("%s, %v: got %d, %d bytes", name, part, res.status, len(res.body))
			}
			if res.header.Get("Content-Type") != "audio/flac" || res.header.Get("Content-Disposition") != "inline; filename=talk.flac" {
				t.Errorf("%s: got %q, %q", name, res.header.Get("Content-Type"), res.header.Get("Content-Disposition"))
			}
		}
	}
	ok(t, p.blobs.Delete(t.Context(), p.key))
	if res := p.get(t, p.url, "Authorization", "Bearer "+p.token); res.status != http.StatusNotFound {
		t.Errorf("without its object: got %d", res.status)
	}
}

// BenchmarkMedia sends a recording of 64 MiB by the API, and reads it from the storage
// for comparison, which shares the cores.
func BenchmarkMedia(b *testing.B) {
	const size = 64 << 20
	p := newPlayed(b, size)
	for name, read := range map[string]func() error{
		"from the storage": func() error {
			r, _, err := p.blobs.Open(b.Context(), p.key)
			if err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				return err
			}
			return r.Close()
		},
		"by the api": func() error {
			if status, h := p.copy(b, io.Discard, p.url, "Authorization", "Bearer "+p.token); status != http.StatusOK || h.Get("Content-Length") != strconv.Itoa(size) {
				return fmt.Errorf("got %d, %s bytes", status, h.Get("Content-Length"))
			}
			return nil
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				ok(b, read())
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/(1<<20), "MiB-allocated")
		})
	}
}

// noWorkers does nothing.
type noWorkers struct{}

func (noWorkers) Advance(context.Context, transcription.Ref) error { return nil }
func (noWorkers) Stop(context.Context, uuid.UUID) error            { return nil }
