package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/cmd/internal/backend"
	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/kv"
	"github.com/turboscribe/turboscribe/internal/kv/kvtest"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/privacy"
	"github.com/turboscribe/turboscribe/internal/rate"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

const (
	chunkLength = 5 * 60 * audio.SampleRate
	chunksOf    = 6 // a recording of half an hour
)

// polled is the API on a real PostgreSQL, with somebody who polls it.
type polled struct {
	db      *postgres.DB
	handler http.Handler
	replica http.Handler // another API on the same servers
	owner   uuid.UUID
	token   string
}

func newPolled(t testing.TB) *polled {
	t.Helper()
	url, redis := pgtest.URL(t), kvtest.URL(t)
	hints, err := kv.Open(t.Context(), redis, kv.Options{})
	ok(t, err)
	t.Cleanup(func() { ok(t, hints.Close()) })
	p := &polled{db: pgtest.Open(t, url, func(o *postgres.Options) { o.Tell = func(id uuid.UUID) { hints.Tell(id.String()) } })}
	people, err := p.db.Accounts([]string{strings.Repeat("k", 32)})
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := auth.NewService(t.Context(), people, auth.Options{Secrets: [][]byte{[]byte(strings.Repeat("s", 32))}, Issuer: "http://localhost"})
	ok(t, err)
	grant, err := accounts.Register(t.Context(), strings.ToLower(rand.Text())+"@example.com", "four words in a row")
	ok(t, err)
	p.owner, p.token = grant.UserID, grant.Access
	p.handler, p.replica = p.serve(t, p.db, accounts, redis), p.serve(t, pgtest.Open(t, url), accounts, redis)
	p.lastHour(t, url)
	return p
}

func (p *polled) serve(t testing.TB, db *postgres.DB, accounts *auth.Service, redis string) http.Handler {
	t.Helper()
	cache, err := kv.Open(t.Context(), redis, kv.Options{})
	ok(t, err)
	t.Cleanup(func() { ok(t, cache.Close()) })
	feed := transcription.NewFeed(db, transcription.FeedOptions{})
	limiter := rate.NewLimiter(cache, nil)
	for _, run := range []func(context.Context) error{feed.Run, backend.Hints(cache.Changes, feed.Hint), limiter.Run} {
		background(t, run)
	}
	server, err := api.New(api.Options{
		PublicURL: "http://localhost", Auth: accounts, Logger: zerolog.Nop(), Cache: cache, Feed: feed,
		Limiter: limiter, Rates: api.Rates{Read: 1e6, Address: 10}, // counted, and not refused
		Transcriptions: transcription.NewService(db, nil, nil, nil, transcription.Limits{}), Webhooks: webhook.NewService(nil, nil, webhook.Rules{}),
		Privacy: privacy.NewService(db, accounts),
	})
	ok(t, err)
	return server.Handler()
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lastHour makes up what workers have done in the last hour: a chunk in each second.
func (p *polled) lastHour(t testing.TB, url string) {
	t.Helper()
	ok(t, p.db.ReportWorker(t.Context(), transcription.Worker{ID: "a", Slots: 8}))
	other := p.create(t)
	db, err := sql.Open("pgx", url)
	ok(t, err)
	_, err = db.ExecContext(t.Context(), `INSERT INTO chunks (transcription_id, run, index, start_sample, end_sample, from_sample, to_sample, key, decoded_samples, elapsed_us, done_at)
		SELECT $1, 1, i, i, i + 4800000, i, i + 4800000, 'k', 4800000, 8000000, now() - make_interval(secs => i) FROM generate_series(0, 3599) AS i`, other.ID)
	ok(t, err)
	_, err = db.ExecContext(t.Context(), "UPDATE workers SET seen_at = now() + interval '1 day'") // it lives for as long as the test takes
	ok(t, err)
	_, err = db.ExecContext(t.Context(), "ANALYZE")
	ok(t, err)
	ok(t, db.Close())
}

func (p *polled) create(t testing.TB) *transcription.Transcription {
	t.Helper()
	id, err := uuid.NewV7()
	ok(t, err)
	tr := &transcription.Transcription{ID: id, OwnerID: p.owner, Run: 1, File: transcription.File{
		ID: uuid.New(), OwnerID: p.owner, Name: "talk.mp3", ContentType: "audio/mpeg", Size: 1, SHA256: strings.Repeat("ab", 32),
		Key: transcription.Prefix(p.owner, id) + "source",
	}}
	ok(t, p.db.CreateTranscription(t.Context(), tr))
	return tr
}

func (p *polled) claim(t testing.TB, s pipeline.Step) pipeline.Lease {
	t.Helper()
	_, err := p.db.Dispatch(t.Context(), 1000)
	ok(t, err)
	s.Gen = 1
	l, err := p.db.Claim(t.Context(), s, "a", time.Hour)
	ok(t, err)
	return l
}

// transcribe brings a new recording to where that many of its chunks are done.
func (p *polled) transcribe(t testing.TB, done int) *transcription.Transcription {
	t.Helper()
	tr := p.create(t)
	source := pipeline.Source{Duration: chunksOf * chunkLength, Model: "small", Language: "en", LanguageConfidence: 1}
	l := p.claim(t, pipeline.Step{Ref: tr.Ref(), Kind: pipeline.Prepare})
	ok(t, p.db.SaveSource(t.Context(), l, source))
	for i := range chunksOf {
		ok(t, p.db.AddChunks(t.Context(), l, p.chunk(tr, i)))
	}
	ok(t, p.db.FinishPrepare(t.Context(), l, source))
	for i := range done {
		p.finish(t, tr, i)
	}
	return tr
}

func (p *polled) chunk(tr *transcription.Transcription, i int) pipeline.Chunk {
	from := audio.Samples(i) * chunkLength
	return pipeline.Chunk{
		Ref: tr.Ref(), Index: i, Piece: audio.Piece{Start: from, End: from + chunkLength, From: from, To: from + chunkLength},
		Key: fmt.Sprintf("%schunks/1/%d.s16", transcription.Prefix(p.owner, tr.ID), i),
	}
}

func (p *polled) finish(t testing.TB, tr *transcription.Transcription, i int) {
	t.Helper()
	l := p.claim(t, pipeline.Step{Ref: tr.Ref(), Kind: pipeline.Transcribe, Index: i})
	c := p.chunk(tr, i)
	ok(t, p.db.FinishChunk(t.Context(), l, pipeline.ChunkResult{Chunk: c, Segments: speech(c.Start.Duration(), 5*time.Minute), Decoded: chunkLength, Elapsed: 8 * time.Second}))
}

// speech returns what somebody says at 150 words a minute.
func speech(from, length time.Duration) (said []transcription.Segment) {
	for at := from; at < from+length; at += 5 * time.Second {
		s := transcription.Segment{Start: at, End: at + 5*time.Second, Text: "Several words that" + strings.Repeat(" follow", 9), Confidence: 0.9}
		for i, w := range strings.Fields(s.Text) {
			start := at + time.Duration(i)*400*time.Millisecond
			s.Words = append(s.Words, transcription.Word{Start: start, End: start + 400*time.Millisecond, Text: w, Confidence: 0.9})
		}
		said = append(said, s)
	}
	return said
}

func (p *polled) complete(t testing.TB) *transcription.Transcription {
	t.Helper()
	tr := p.transcribe(t, chunksOf)
	ok(t, p.db.Advance(t.Context(), tr.Ref()))
	segments := speech(0, 30*time.Minute)
	ok(t, p.db.Complete(t.Context(), p.claim(t, pipeline.Step{Ref: tr.Ref(), Kind: pipeline.Merge}), pipeline.Transcript{
		Segments: segments, Text: transcription.Text(segments),
	}))
	return tr
}

func (p *polled) poll(ctx context.Context, h http.Handler, id uuid.UUID, tag string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/transcriptions/"+id.String(), http.NoBody)
	r.Header.Set("Authorization", "Bearer "+p.token)
	if tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Replicas share what they have written, and none of them answers with what was.
func TestPoll_replicas(t *testing.T) {
	t.Parallel()
	p := newPolled(t)
	tr := p.transcribe(t, 1)
	first := p.poll(t.Context(), p.handler, tr.ID, "")
	tag := first.Header().Get("ETag")
	if first.Code != http.StatusOK || strings.Contains(first.Body.String(), `"words":[{`) {
		t.Fatalf("answered with %d: %.300s", first.Code, first.Body)
	}
	if other := p.poll(t.Context(), p.replica, tr.ID, ""); other.Body.String() != first.Body.String() || other.Header().Get("ETag") != tag {
		t.Errorf("the replica has another answer, %s after %s: %.300s", other.Header().Get("ETag"), tag, other.Body)
	}
	p.finish(t, tr, 1)
	for _, h := range []http.Handler{p.replica, p.handler} {
		next := p.poll(t.Context(), h, tr.ID, tag)
		if next.Code != http.StatusOK || next.Header().Get("ETag") == tag || next.Body.Len() <= first.Body.Len() {
			t.Errorf("a chunk later: answered with %d and %d bytes after %d", next.Code, next.Body.Len(), first.Body.Len())
		}
	}
	done := p.complete(t)
	if w := p.poll(t.Context(), p.replica, done.ID, ""); !strings.Contains(w.Body.String(), `"words":[{`) {
		t.Errorf("completed it has no words: %.300s", w.Body)
	}
	ok(t, p.db.DeleteTranscription(t.Context(), p.owner, tr.ID))
	for _, h := range []http.Handler{p.replica, p.handler} {
		if w := p.poll(t.Context(), h, tr.ID, tag); w.Code != http.StatusNotFound {
			t.Errorf("deleted: answered with %d", w.Code)
		}
	}
}

// BenchmarkPoll asks for half an hour of speech, completed and with one chunk to go,
// by somebody who has the answer already and by somebody who has not.
func BenchmarkPoll(b *testing.B) {
	p := newPolled(b)
	for name, tr := range map[string]*transcription.Transcription{"completed": p.complete(b), "in work": p.transcribe(b, chunksOf-1)} {
		b.Run(name+"/unchanged", func(b *testing.B) {
			tag := p.poll(b.Context(), p.handler, tr.ID, "").Header().Get("ETag")
			for b.Loop() {
				if w := p.poll(b.Context(), p.handler, tr.ID, tag); w.Code != http.StatusNotModified {
					b.Fatalf("answered with %d", w.Code)
				}
			}
		})
		b.Run(name+"/whole", func(b *testing.B) {
			for b.Loop() {
				if w := p.poll(b.Context(), p.handler, tr.ID, ""); w.Code != http.StatusOK {
					b.Fatalf("answered with %d", w.Code)
				}
			}
		})
	}
}
