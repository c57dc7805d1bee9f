package transcription_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/transcription/transcriptiontest"
)

// said returns a segment of words, each of so many milliseconds from the one before on.
func said(speaker string, start int, words ...string) transcription.Segment {
	s := transcription.Segment{Speaker: speaker, Confidence: 0.9, Text: strings.Join(words, " ")}
	for i, w := range words {
		at := time.Duration(start+500*i) * time.Millisecond
		s.Words = append(s.Words, transcription.Word{Start: at, End: at + 500*time.Millisecond, Text: w, Confidence: 0.9})
	}
	s.Start, s.End = s.Words[0].Start, s.Words[len(words)-1].End
	return s
}

const msec = time.Millisecond

// TestService_CreateRange_snap asks for ranges of "one two three" from 1 s to 2.5 s and eight
// more words from 4 s to 8 s.
func TestService_CreateRange_snap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                   string
		from, to, start, until time.Duration
	}{
		{"a sentence goes into the pauses around it", 1000 * msec, 2500 * msec, 900 * msec, 2600 * msec},
		{"what lies in pauses stays", 3000 * msec, 3500 * msec, 3000 * msec, 3500 * msec},
		{"an end in a word goes out to a pause close by", 1200 * msec, 2200 * msec, 900 * msec, 2600 * msec},
		{"far from a pause it is between two words", 6100 * msec, 6400 * msec, 6000 * msec, 6500 * msec},
		{"the whole", 0, time.Hour, 0, 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, who, id := ranged(t, said("", 1000, "one", "two", "three"), said("", 4000, strings.Fields("four five six seven eight nine ten eleven")...))
			r, err := s.CreateRange(t.Context(), who, id, nil, transcription.NewRange{From: tt.from, To: tt.to})
			if err != nil {
				t.Fatal(err)
			}
			if r.From != tt.start || r.To != tt.until {
				t.Errorf("got %s to %s, want %s to %s", r.From, r.To, tt.start, tt.until)
			}
		})
	}
}

// ranged returns a service with one transcription of ten seconds that has a text.
func ranged(t *testing.T, segments ...transcription.Segment) (*transcription.Service, auth.Actor, uuid.UUID) {
	t.Helper()
	store := new(transcriptiontest.Store)
	store.Install("small", "tiny.en")
	who := authtest.Actor(uuid.New(), auth.Member)
	tr := transcription.Transcription{
		ID: uuid.New(), OwnerID: who.UserID, Run: 1, Status: transcription.Completed, Model: "small", Language: "de", Duration: 10*time.Second + 30*time.Microsecond,
		Segments: segments, Text: transcription.Text(segments), Options: transcription.Options{Prompt: "Names."},
	}
	store.Insert(tr)
	return transcription.NewService(store, nil, idle{}, nil, transcription.Limits{}), who, tr.ID
}

type idle struct{}

func (idle) Advance(context.Context, transcription.Ref) error { return nil }
func (idle) Stop(context.Context, uuid.UUID) error            { return nil }

func TestService_CreateRange_options(t *testing.T) {
	t.Parallel()
	s, who, id := ranged(t, said("", 1000, "one"))
	text := func(s string) *string { return &s }
	r, err := s.CreateRange(t.Context(), who, id, nil, transcription.NewRange{From: time.Second, To: 2 * time.Second})
	if err != nil || r.Options != (transcription.Options{Model: "small", Language: "de", Prompt: "Names."}) || r.Number != 1 {
		t.Errorf("got %+v, %v: as the text was made", r, err)
	}
	yes := true
	n := transcription.NewRange{From: 3 * time.Second, To: 4 * time.Second, Model: text("tiny.en"), Language: text("en"), Prompt: text("")}
	r, err = s.CreateRange(t.Context(), who, id, nil, n)
	if err != nil || r.Options != (transcription.Options{Model: "tiny.en", Language: "en"}) || r.Number != 2 {
		t.Errorf("got %+v, %v", r, err)
	}
	stale, future := -1, 5
	for _, tt := range []struct {
		code string
		base *int
		n    transcription.NewRange
	}{
		{"invalid_range", nil, transcription.NewRange{From: 10 * time.Second, To: 11 * time.Second}},
		{"invalid_range", nil, transcription.NewRange{From: -1, To: time.Second}},
		{"invalid_range", nil, transcription.NewRange{From: 5 * time.Second, To: 5*time.Second + 99*msec}},
		{"language_not_supported", nil, transcription.NewRange{From: 5 * time.Second, To: 6 * time.Second, Model: text("tiny.en")}},
		{"unknown_model", nil, transcription.NewRange{From: 5 * time.Second, To: 6 * time.Second, Model: text("none")}},
		{"translation_not_supported", nil, transcription.NewRange{From: 5 * time.Second, To: 6 * time.Second, Model: text("tiny.en"), Language: text("en"), Translate: &yes}},
		{"unknown_etag", &future, transcription.NewRange{From: 5 * time.Second, To: 6 * time.Second}},
		{"not_found", &stale, transcription.NewRange{From: 5 * time.Second, To: 6 * time.Second}},
		{"range_in_work", nil, transcription.NewRange{From: time.Second, To: 2 * time.Second}},
	} {
		if _, err := s.CreateRange(t.Context(), who, id, tt.base, tt.n); fault.Of(err).Code != tt.code {
			t.Errorf("got %v, want %s", err, tt.code)
		}
	}
	if _, err := s.Range(t.Context(), who, id, 3); !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v, want not found", err)
	}
	if got, err := s.CancelRange(t.Context(), who, id, 2); err != nil || got.Status != transcription.Canceled {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestService_CreateRange_stale has somebody else change the text first.
func TestService_CreateRange_stale(t *testing.T) {
	t.Parallel()
	s, who, id := ranged(t, said("", 1000, "one"))
	base := 0
	edit := transcription.Edit{Op: transcription.SetText, Segment: 0, Text: "another"}
	if _, err := s.Edit(t.Context(), who, id, &base, []transcription.Edit{edit}); err != nil {
		t.Fatal(err)
	}
	_, err := s.CreateRange(t.Context(), who, id, &base, transcription.NewRange{From: time.Second, To: 2 * time.Second})
	if fault.Of(err).Code != "stale_edit" {
		t.Errorf("got %v, want stale_edit", err)
	}
	base = 1
	if r, err := s.CreateRange(t.Context(), who, id, &base, transcription.NewRange{From: time.Second, To: 2 * time.Second}); err != nil || r.After != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestRange_Into(t *testing.T) {
	t.Parallel()
	text := []transcription.Segment{said("Ann", 0, "a", "b", "c", "d", "e", "f"), said("Bob", 4000, "g", "h")}
	r := transcription.Range{From: 1000 * msec, To: 2000 * msec}
	for _, tt := range []struct {
		name  string
		heard []transcription.Segment
		want  []string
	}{
		{"a part of a sentence", []transcription.Segment{said("", 1000, "x", "y")}, []string{"Ann: a b", "Ann: x y", "Ann: e f", "Bob: g h"}},
		{"nothing", nil, []string{"Ann: a b", "Ann: e f", "Bob: g h"}},
		{"words beyond the ends are the text's", []transcription.Segment{said("", 500, "v", "x", "y", "z")}, []string{"Ann: a b", "Ann: x y", "Ann: e f", "Bob: g h"}},
		{"a word of the text heard on the other side", []transcription.Segment{said("", 760, "b", "x")}, []string{"Ann: a b", "Ann: x", "Ann: e f", "Bob: g h"}},
		{"a speaker of its own", []transcription.Segment{said("Bob", 1000, "x")}, []string{"Ann: a b", "Bob: x", "Ann: e f", "Bob: g h"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, s := range r.Into(text, tt.heard) {
				got = append(got, s.Speaker+": "+s.Text)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestRange_Into_anything puts random texts into random ones: what is outside stays word by
// word, what is inside lies there, and time does not go back.
func TestRange_Into_anything(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	text := func() (list []transcription.Segment) {
		at := 0
		for range r.IntN(8) {
			words := strings.Fields("a b c d e f g h i j")[:1+r.IntN(9)]
			r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
			at += r.IntN(1500)
			list = append(list, said([]string{"", "Ann", "Bob"}[r.IntN(3)], at, words...))
			at += 500 * len(words)
		}
		return list
	}
	words := func(list []transcription.Segment, in func(middle time.Duration) bool) (found []transcription.Word) {
		for _, s := range list {
			for _, w := range s.Words {
				if in((w.Start + w.End) / 2) {
					found = append(found, w)
				}
			}
		}
		return found
	}
	for range 500 {
		old, heard := text(), text()
		from := time.Duration(r.IntN(20000)) * msec
		part := transcription.Range{From: from, To: from + time.Duration(100+r.IntN(10000))*msec}
		out := func(m time.Duration) bool { return m < part.From || m >= part.To }
		before := slices.Clone(old)
		now := part.Into(old, heard)
		if diff := cmp.Diff(words(old, out), words(now, out)); diff != "" {
			t.Fatalf("outside: -before +now\n%s", diff)
		}
		if diff := cmp.Diff(before, old); diff != "" {
			t.Fatalf("the text that was given has changed: %s", diff)
		}
		for i, s := range now {
			if i > 0 && s.Start < now[i-1].Start || s.End <= s.Start {
				t.Fatalf("segment %d of %+v", i, now)
			}
		}
		if got := part.Into(now, heard); !cmp.Equal(words(now, func(time.Duration) bool { return true }), words(got, func(time.Duration) bool { return true })) {
			t.Fatalf("doing it twice is another text: %+v, %+v", now, got)
		}
	}
}

// A recording that came with its text was said to be 0:00:00 long.
func TestService_CreateRange_unknownLength(t *testing.T) {
	t.Parallel()
	b := setup()
	made, err := b.Upload(t.Context(), b.who, written("txt", "One two.\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.CreateRange(t.Context(), b.who, made.ID, nil, transcription.NewRange{To: time.Second})
	if f := fault.Of(err); f.Code != "invalid_range" || !strings.Contains(f.Message, "not known") {
		t.Errorf("got %v", err)
	}
}
