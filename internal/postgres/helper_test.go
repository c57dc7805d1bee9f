package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

const (
	worker  = "worker-1"
	leaseOf = time.Hour // none expires in a test
	minute  = 60 * audio.SampleRate
)

var gaveUp = transcription.Failure{Code: "gave_up", Message: "No."}

func newID(t testing.TB) uuid.UUID {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, err error, k fault.Kind) {
	t.Helper()
	if !fault.Is(err, k) {
		t.Errorf("got %v, want %s", err, k)
	}
}

// wantGone expects what somebody is told whose lease, run or transcription is no more.
func wantGone(t testing.TB, err error) {
	t.Helper()
	if !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v, want conflict or not_found", err)
	}
}

func execSQL(t testing.TB, db *postgres.DB, query string, args ...any) {
	t.Helper()
	_, err := db.SQL().NewRaw(query, args...).Exec(t.Context())
	ok(t, err)
}

// unguarded lets a test put transcriptions into any status.
func unguarded(t testing.TB, db *postgres.DB) {
	t.Helper()
	execSQL(t, db, "ALTER TABLE transcriptions DISABLE TRIGGER transcriptions_move")
}

func readSQL[T any](t testing.TB, db *postgres.DB, query string, args ...any) (value T) {
	t.Helper()
	ok(t, db.SQL().NewRaw(query, args...).Scan(t.Context(), &value))
	return value
}

func addUser(t testing.TB, db *postgres.DB) uuid.UUID {
	t.Helper()
	id := newID(t)
	ok(t, db.CreateUser(t.Context(), &auth.User{
		ID: id, Email: id.String() + "@example.com", PasswordHash: "hash", Role: auth.Member, CreatedAt: time.Now(),
	}))
	return id
}

func newTranscription(t testing.TB, owner uuid.UUID) *transcription.Transcription {
	t.Helper()
	id := newID(t)
	return &transcription.Transcription{
		ID: id, OwnerID: owner, Run: 1,
		File: transcription.File{
			ID: newID(t), OwnerID: owner, Name: "talk.mp3", ContentType: "audio/mpeg", Size: 1234,
			SHA256: strings.Repeat("ab", 32), Key: transcription.Prefix(owner, id) + "source",
		},
		Options: transcription.Options{Model: "small", Prompt: "Ada"},
	}
}

func addTranscription(t testing.TB, db *postgres.DB, owner uuid.UUID, change ...func(*transcription.Transcription)) *transcription.Transcription {
	t.Helper()
	tr := newTranscription(t, owner)
	for _, f := range change {
		f(tr)
	}
	ok(t, db.CreateTranscription(t.Context(), tr))
	return tr
}

// claim leases a step, which must be waiting or in the queue.
func claim(t testing.TB, db *postgres.DB, ref transcription.Ref, k pipeline.Kind, index int) pipeline.Lease {
	t.Helper()
	_, err := db.Dispatch(t.Context(), 1_000_000)
	ok(t, err)
	s := pipeline.Step{Ref: ref, Kind: k, Index: index}
	ok(t, db.SQL().NewRaw("SELECT gen, lane FROM steps WHERE transcription_id = ? AND run = ? AND kind = ? AND index = ?", ref.ID, ref.Run, k, index).
		Scan(t.Context(), &s.Gen, &s.Lane))
	l, err := db.Claim(t.Context(), s, worker, leaseOf)
	ok(t, err)
	return l
}

// chunk is the index-th of chunks of a minute each.
func chunk(ref transcription.Ref, owner uuid.UUID, index int) pipeline.Chunk {
	from := audio.Samples(index * minute)
	return pipeline.Chunk{
		Ref: ref, Index: index, Piece: audio.Piece{Start: from, End: from + minute, From: from, To: from + minute},
		Key: fmt.Sprintf("%schunks/%d/%05d.s16", transcription.Prefix(owner, ref.ID), ref.Run, index),
	}
}

func source(chunks int) pipeline.Source {
	return pipeline.Source{Duration: audio.Samples(chunks * minute), Model: "small", Language: "en", LanguageConfidence: 0.9}
}

// prepare takes a new transcription to where n chunks wait to be transcribed.
func prepare(t testing.TB, db *postgres.DB, owner uuid.UUID, n int) *transcription.Transcription {
	t.Helper()
	tr := addTranscription(t, db, owner)
	l := claim(t, db, tr.Ref(), pipeline.Prepare, 0)
	ok(t, db.SaveSource(t.Context(), l, source(n)))
	for i := range n {
		ok(t, db.AddChunks(t.Context(), l, chunk(tr.Ref(), owner, i)))
	}
	ok(t, db.FinishPrepare(t.Context(), l, source(n)))
	return tr
}

func result(c pipeline.Chunk) pipeline.ChunkResult {
	at := c.Start.Duration()
	return pipeline.ChunkResult{
		Chunk: c, Speech: []audio.Span{{Start: c.Start, End: c.Start + 16000}}, Decoded: minute, Elapsed: 30 * time.Second,
		Segments: []transcription.Segment{{
			Start: at, End: at + time.Second, Text: fmt.Sprintf("Chunk %d.", c.Index), Speaker: "A", Confidence: 0.5, Suspect: true,
			Words: []transcription.Word{{Start: at, End: at + time.Second, Text: "Chunk", Confidence: 0.25, Glued: true}},
		}},
	}
}

// transcribe finishes a chunk.
func transcribe(t testing.TB, db *postgres.DB, tr *transcription.Transcription, index int) {
	t.Helper()
	l := claim(t, db, tr.Ref(), pipeline.Transcribe, index)
	ok(t, db.FinishChunk(t.Context(), l, result(chunk(tr.Ref(), tr.OwnerID, index))))
}

func transcript() pipeline.Transcript {
	return pipeline.Transcript{
		Segments: []transcription.Segment{
			result(pipeline.Chunk{Index: 0}).Segments[0],
			{Start: 2 * time.Second, End: 3500 * time.Millisecond, Text: "The end.", Confidence: 1},
		},
		Text:     "Chunk 0. The end.",
		Warnings: []transcription.Warning{{Code: "demo_model", Message: "Install a real one."}},
		Coverage: transcription.Coverage{
			Speech: 3 * time.Second, Covered: 2 * time.Second, Suspect: 1, Seams: []time.Duration{time.Minute},
			Gaps: []transcription.Gap{{Start: 4 * time.Second, End: 5 * time.Second}},
		},
	}
}

// complete takes a new transcription to its end.
func complete(t testing.TB, db *postgres.DB, owner uuid.UUID) *transcription.Transcription {
	t.Helper()
	tr := prepare(t, db, owner, 1)
	transcribe(t, db, tr, 0)
	ok(t, db.Advance(t.Context(), tr.Ref()))
	ok(t, db.Complete(t.Context(), claim(t, db, tr.Ref(), pipeline.Merge, 0), transcript()))
	return tr
}

func status(t testing.TB, db *postgres.DB, id uuid.UUID) transcription.Status {
	t.Helper()
	return readSQL[transcription.Status](t, db, "SELECT status FROM transcriptions WHERE id = ?", id)
}

// states returns how many steps of a run are in each state.
func states(t testing.TB, db *postgres.DB, ref transcription.Ref) map[string]int {
	t.Helper()
	var rows []struct {
		State string
		N     int
	}
	ok(t, db.SQL().NewRaw("SELECT state, count(*) AS n FROM steps WHERE transcription_id = ? AND run = ? GROUP BY state", ref.ID, ref.Run).Scan(t.Context(), &rows))
	found := map[string]int{}
	for _, r := range rows {
		found[r.State] = r.N
	}
	return found
}
