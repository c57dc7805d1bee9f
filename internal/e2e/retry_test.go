//go:build e2e

package e2e

import (
	"net/http"
	"testing"
)

// TestRetry cancels a recording while it is being transcribed and runs it again: the text
// is that of an undisturbed run, and what was finished is not decoded a second time. Run
// once more, when it is completed, nothing is.
func TestRetry(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	recording := long(t, 8)
	undisturbed := p.complete(p.send("long.mka", recording))
	id := p.send("long.mka", recording)
	decoded := func() int {
		return shared.count(t.Context(), "SELECT coalesce(sum(attempts), 0) FROM steps WHERE transcription_id = $1 AND kind = 'transcribe' AND state = 'done'", id)
	}
	eventually(t, "a chunk is done", func() bool { return shared.chunks(t, id, "state = 'done'") > 0 })
	p.cancel(id).want(t, http.StatusOK, nil)
	before := decoded()
	var again transcription
	p.post("/transcriptions/"+id+"/retry", map[string]any{}).want(t, http.StatusAccepted, &again)
	if again.Status != "queued" || again.Text != "" {
		t.Errorf("run again it is %+v", again)
	}
	p.do(http.MethodPost, root+"/transcriptions/"+id+"/retry", http.NoBody).refused(t, http.StatusConflict, "in_work")
	if got := p.complete(id); got.Text != undisturbed.Text {
		t.Errorf("the text is\n%s\ninstead of\n%s", got.Text, undisturbed.Text)
	}
	chunks := shared.count(t.Context(), "SELECT count(*) FROM chunks WHERE transcription_id = $1 AND segments IS NOT NULL", id)
	if n := decoded(); n != chunks || before == 0 {
		t.Errorf("%d decodes of %d chunks, %d of them before it was canceled", n, chunks, before)
	}
	p.do(http.MethodPost, root+"/transcriptions/"+id+"/retry", http.NoBody).want(t, http.StatusAccepted, &again)
	if again.Text != undisturbed.Text {
		t.Error("the text is gone before there is another")
	}
	if got := p.complete(id); got.Text != undisturbed.Text || decoded() != chunks {
		t.Errorf("%d decodes of %d chunks", decoded(), chunks)
	}
	var history struct{ Items []struct{ Type string } }
	p.get("/transcriptions/"+id+"/history?limit=100").want(t, http.StatusOK, &history)
	reused := 0
	for _, e := range history.Items {
		if e.Type == "reused" {
			reused++
		}
	}
	if reused != 2 {
		t.Errorf("chunks were reused %d times, want 2: %+v", reused, history.Items)
	}
}
