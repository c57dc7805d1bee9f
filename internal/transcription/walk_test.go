package transcription_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Whoever took home what is kept of them had each revision made from the newest back: of a
// thousand, half a million were read.
func TestService_RevisionTexts(t *testing.T) {
	t.Parallel()
	const revisions = 45
	p := newPacking(t, 1)
	id := p.ids[0]
	for i := range revisions {
		list := []transcription.NewSegment{{Start: 0, End: time.Second, Text: fmt.Sprintf("Text %d.", i)}}
		for range i % 3 { // as many as there are words to be moved
			list = append(list, transcription.NewSegment{Start: 2 * time.Second, End: 3 * time.Second, Text: "And more."})
		}
		if _, err := p.Rewrite(t.Context(), p.who, id, nil, list); err != nil {
			t.Fatal(err)
		}
	}
	calls := 0
	p.store.Watch(func() { calls++ })
	var texts []transcription.RevisionText
	for r, err := range p.RevisionTexts(t.Context(), p.who, id) {
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, r)
	}
	p.store.Watch(nil)
	if len(texts) != revisions || calls > 1+revisions/10+1 {
		t.Fatalf("%d revisions in %d calls", len(texts), calls)
	}
	for i, r := range texts {
		at, err := p.At(t.Context(), p.who, id, r.Number)
		if err != nil {
			t.Fatal(err)
		}
		if r.Number != revisions-i || r.Text == nil || *r.Text != at.Text {
			t.Errorf("revision %d has another text", r.Number)
		}
	}
	for _, err := range p.RevisionTexts(t.Context(), p.who, uuid.New()) {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("got %v", err)
		}
	}
}

// Those of a text that is not there at the moment are told without it.
func TestService_RevisionTexts_inWork(t *testing.T) {
	t.Parallel()
	p := newPacking(t, 1)
	if _, err := p.Retext(t.Context(), p.who, p.ids[0], nil, "Corrected."); err != nil {
		t.Fatal(err)
	}
	tr, err := p.Transcription(t.Context(), p.who, p.ids[0])
	if err != nil {
		t.Fatal(err)
	}
	tr.Status = transcription.Queued
	p.store.Insert(*tr)
	n := 0
	for r, err := range p.RevisionTexts(t.Context(), p.who, p.ids[0]) {
		if n++; err != nil || r.Text != nil || r.Number != 1 {
			t.Errorf("got %+v, %v", r, err)
		}
	}
	if n != 1 {
		t.Errorf("%d revisions, want 1", n)
	}
}
