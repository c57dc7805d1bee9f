//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"sync"
	"testing"
)

// The demo model's word error rate on its short recordings, as its card says,
// and what may come on top of it.
const (
	cardRate = 0.0255
	slack    = 0.01
)

// timing is how far a segment may be from the truth, in seconds.
const timing = 0.3

// TestTranscribe uploads the recordings that come with the demo model, polls,
// and holds what is exported against what is said in them.
func TestTranscribe(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	var mu sync.Mutex
	wrong, total := 0, 0
	t.Run("short", func(t *testing.T) {
		for i := range 12 {
			name := fmt.Sprintf("test/short%02d", i+1)
			t.Run(path.Base(name), func(t *testing.T) {
				t.Parallel()
				said := readTruth(t, name)
				n := len(said.words())
				got := wordErrors(words(p.as(t).transcribe(name, said).Text), said.words())
				mu.Lock()
				defer mu.Unlock()
				wrong, total = wrong+got, total+n
			})
		}
	})
	t.Logf("%d of %d words are wrong", wrong, total)
	if rate := float64(wrong) / float64(total); !(rate <= cardRate+slack) {
		t.Errorf("the word error rate is %.2f %%, the card says %.2f %%", 100*rate, 100*cardRate)
	}
	for name, most := range map[string]int{"samples/meeting": 4, "samples/pauses": 2, "samples/call": 8} {
		t.Run(path.Base(name), func(t *testing.T) {
			t.Parallel()
			said := readTruth(t, name)
			n := wordErrors(words(p.as(t).transcribe(name, said).Text), said.words())
			t.Logf("%d of %d words are wrong", n, len(said.words()))
			if n > most {
				t.Errorf("%d words are wrong, at most %d are expected", n, most)
			}
		})
	}
	for _, name := range []string{"test/silent1", "test/silent2"} {
		t.Run(path.Base(name), func(t *testing.T) {
			t.Parallel()
			p := p.as(t)
			done := p.complete(p.send(path.Base(name)+".flac", demo(t, name+".flac")))
			if done.Text != "" || len(done.Segments) > 0 {
				t.Errorf("silence has the text %q", done.Text)
			}
		})
	}
}

// transcribe uploads a recording and returns its JSON export, after checks of
// what every result made with the demo model has to have.
func (p *person) transcribe(name string, said truth) (doc transcription) {
	p.t.Helper()
	file := path.Base(name) + ".flac"
	shown := p.complete(p.send(file, demo(p.t, name+".flac")))
	p.get("/export/"+shown.ID+"?format=json").export(p.t, &doc)
	if doc.FileName != file || doc.Model != "demo.en" || doc.Text != shown.Text || !slices.Equal(doc.Segments, shown.Segments) {
		p.t.Errorf("the export differs from what is shown:\n%+v\n%+v", doc, shown)
	}
	if !slices.ContainsFunc(doc.Warnings, func(w problem) bool { return w.Code == "demo_model" }) {
		p.t.Errorf("no warning of the demo model: %+v", doc.Warnings)
	}
	if far := said.farthest(doc.Segments); far > timing {
		p.t.Errorf("a segment is %.3f s from the truth: %+v", far, doc.Segments)
	}
	return doc
}

// export reads a document that is not wrapped as answers are.
func (a answer) export(t *testing.T, doc any) {
	t.Helper()
	a.want(t, http.StatusOK, nil)
	if err := json.Unmarshal(a.body, doc); err != nil {
		t.Fatal(err)
	}
}

// TestTranscribe_split keeps the channels of a call apart: each speaker has said what
// is on their channel, and nothing else.
func TestTranscribe_split(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	said := readTruth(t, "samples/call")
	got := p.complete(p.send("call.flac", demo(t, "samples/call.flac"), "channels", "split"))
	wrong := 0
	for channel, speaker := range []string{"Speaker 1", "Speaker 2"} {
		want, heard := truth{}, []string{}
		for _, s := range said.Segments {
			if s.Channel == channel {
				want.Segments = append(want.Segments, s)
			}
		}
		for _, s := range got.Segments {
			if s.Speaker == speaker {
				heard = append(heard, words(s.Text)...)
			}
		}
		wrong += wordErrors(heard, want.words())
	}
	t.Logf("%d of %d words are wrong", wrong, len(said.words()))
	if wrong > 8 {
		t.Errorf("%d words are wrong, at most 8 are expected", wrong)
	}
	if far := said.farthest(got.Segments); far > timing {
		t.Errorf("a segment is %.3f s from the truth: %+v", far, got.Segments)
	}
	mixed := p.complete(p.send("short01.flac", demo(t, "test/short01.flac"), "channels", "split"))
	if !slices.ContainsFunc(mixed.Warnings, func(w problem) bool { return w.Code == "not_stereo" }) || mixed.Segments[0].Speaker != "" {
		t.Errorf("a recording of one channel: %+v", mixed)
	}
}
