//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// part is a range of a recording that is transcribed again.
type part struct {
	ID       int     `json:"id"`
	From     float64 `json:"from"`
	To       float64 `json:"to"`
	Status   string  `json:"status"`
	Revision *int    `json:"revision"`
}

// again has a range transcribed and returns it as it is then.
func (p *person) again(id string, from, to float64) (done part) {
	p.t.Helper()
	var asked part
	p.post("/transcriptions/"+id+"/ranges", map[string]any{"from": from, "to": to}).want(p.t, http.StatusAccepted, &asked)
	eventually(p.t, "the range has ended", func() bool {
		p.get(fmt.Sprintf("/transcriptions/%s/ranges/%d", id, asked.ID)).want(p.t, http.StatusOK, &done)
		return done.Status == "completed" || done.Status == "failed"
	})
	if done.Status != "completed" || done.From > from || done.To < to {
		p.t.Fatalf("the range has ended as %+v", done)
	}
	return done
}

// TestRange has ten seconds in the middle of a recording transcribed again: the words there
// are the same, and the rest is, bit by bit, what it was, also what a person has written.
func TestRange(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	first := p.complete(p.send("meeting.flac", demo(t, "samples/meeting.flac")))
	if len(first.Segments) < 6 {
		t.Fatalf("only %d segments", len(first.Segments))
	}
	var before transcription
	edit := strings.NewReader(`{"edits":[{"op":"text","segment":0,"text":"Edited by hand."}]}`)
	p.do(http.MethodPatch, root+"/transcriptions/"+first.ID, edit, "Content-Type", "application/json").want(t, http.StatusOK, &before)
	from, last := before.Segments[2].Start, 2
	for last+1 < len(before.Segments)-1 && before.Segments[last+1].End <= from+10 {
		last++
	}
	done := p.again(first.ID, from, before.Segments[last].End)
	after := p.complete(first.ID)
	n := len(before.Segments) - last - 1 // behind it
	if !slices.Equal(after.Segments[:2], before.Segments[:2]) || !slices.Equal(after.Segments[len(after.Segments)-n:], before.Segments[last+1:]) {
		t.Errorf("segments outside of %+v have changed:\n%+v\n%+v", done, before.Segments, after.Segments)
	}
	text := func(list []segment) (found []string) {
		for _, s := range list {
			found = append(found, words(s.Text)...)
		}
		return found
	}
	was, is := text(before.Segments[2:last+1]), text(after.Segments[2:len(after.Segments)-n])
	t.Logf("from %.3f to %.3f was heard %q", done.From, done.To, is)
	if wrong := wordErrors(is, was); len(was) == 0 || wrong > 1 {
		t.Errorf("%d of %d words differ: %q instead of %q", wrong, len(was), is, was)
	}
	if left := shared.count(t.Context(), "SELECT count(*) FROM steps WHERE transcription_id = $1 AND run < 0 AND state <> 'done'", first.ID); left > 0 {
		t.Errorf("%d steps of the range are left", left)
	}
}
