//go:build e2e

package e2e

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestSealed has recordings encrypted in the bucket. The text is that of one that is not,
// the recording comes back to the bit, the operator's key is exchanged while all of it can
// be read, and what is deleted cannot be read from a copy of the bucket.
func TestSealed(t *testing.T) { //nolint:tparallel // its parts come one after the other
	t.Parallel()
	s := newStack(t, map[string]string{"TS_ENCRYPT_AT_REST": "media"})
	p := s.person(t)
	recording := long(t, 4)
	plain := shared.person(t)
	want := plain.complete(plain.send("long.mka", recording))
	id := p.send("long.mka", recording)
	s.sealedChunks(t, p)
	if got := p.complete(id); got.Text != want.Text {
		t.Errorf("the text is\n%s\ninstead of\n%s", got.Text, want.Text)
	}
	if got, want := p.get("/export/"+id+"?format=srt"), plain.get("/export/"+want.ID+"?format=srt"); !bytes.Equal(got.body, want.body) {
		t.Errorf("the export is\n%s\ninstead of\n%s", got.body, want.body)
	}
	source := "u/" + p.id + "/" + id + "/source"
	before := s.object(t.Context(), source)
	if strings.Contains(before, string(recording[1000:1100])) {
		t.Error("the recording is in the bucket as it was uploaded")
	}
	p.takesOut(t, recording)
	p.plays(t, id, recording)

	t.Run("the key is exchanged", func(t *testing.T) {
		s.exchangeKey(t)
		p := p.as(t)
		if s.object(t.Context(), source) != before {
			t.Error("the recording was written anew")
		}
		p.takesOut(t, recording)
		p.plays(t, id, recording)
		p.post("/transcriptions/"+id+"/retry", map[string]any{"channels": "split"}).want(t, http.StatusAccepted, nil) // is cut anew
		if got := p.complete(id); got.Text != want.Text {
			t.Errorf("the text is\n%s\ninstead of\n%s", got.Text, want.Text)
		}
	})
	t.Run("the bucket is tampered with", func(t *testing.T) {
		p := p.as(t)
		id := p.complete(p.send("other.mka", recording)).ID
		changed := []byte(s.object(t.Context(), "u/"+p.id+"/"+id+"/source"))
		changed[len(changed)/2] ^= 1
		if err := s.blobs.Put(t.Context(), "u/"+p.id+"/"+id+"/source", changed); err != nil {
			t.Fatal(err)
		}
		p.post("/transcriptions/"+id+"/retry", map[string]any{"channels": "split"}).want(t, http.StatusAccepted, nil)
		got := p.follow(id)
		if got.Status != "failed" || got.Error.Code != "recording_damaged" || got.Text != want.Text {
			t.Errorf("got %s, %+v, %q", got.Status, got.Error, got.Text)
		}
		got.Error.isSentence(t)
	})
	t.Run("it is deleted", func(t *testing.T) {
		p.as(t).delete("/transcriptions/"+id).want(t, http.StatusNoContent, nil)
		if n := s.count(t.Context(), "SELECT count(*) FROM data_keys WHERE transcription_id = $1", id); n != 0 {
			t.Error("its key is left")
		}
	})
}

// TestSealed_texts has texts encrypted as well. What was said, and written by people, is in no
// column, no object and no key of Redis, and comes back as ever.
func TestSealed_texts(t *testing.T) {
	t.Parallel()
	s := newStack(t, map[string]string{"TS_ENCRYPT_AT_REST": "all"})
	p, plain := s.person(t), shared.person(t)
	recording := long(t, 4)
	want := plain.complete(plain.send("long.mka", recording))
	canary := "canary" + strings.ToLower(rand.Text())
	id := p.send("long.mka", recording, "prompt", "About a "+canary)
	spoken := want.Segments[0].Text
	nowhere := func(when string) {
		t.Helper()
		for _, text := range []string{canary, spoken} {
			if found := s.find(t, text); len(found) > 0 {
				t.Errorf("%s: %q is in %s", when, text, strings.Join(found, ", "))
			}
		}
	}
	eventually(t, "some of it is heard", func() bool { return len(p.show(id).Segments) > 0 })
	nowhere("it is in work")
	if got := p.complete(id); got.Text != want.Text {
		t.Errorf("the text is\n%s\ninstead of\n%s", got.Text, want.Text)
	}
	nowhere("it is completed and was polled")
	for _, format := range []string{"srt", "json"} {
		got, want := p.get("/export/"+id+"?format="+format), plain.get("/export/"+want.ID+"?format="+format)
		if got.status != http.StatusOK || format == "srt" && !bytes.Equal(got.body, want.body) {
			t.Errorf("the export is\n%s\ninstead of\n%s", got.body, want.body)
		}
	}

	p.do(http.MethodPatch, root+"/transcriptions/"+id, strings.NewReader(`{"edits":[{"op":"text","segment":0,"text":"A `+canary+` sings."},{"op":"speaker","segment":0,"speaker":"`+canary+`"}]}`),
		"Content-Type", "application/json").want(t, http.StatusOK, nil)
	p.show(id)
	nowhere("it is edited")
	export := p.takesExport(t, id, canary)
	nowhere("it was exported")
	p.do(http.MethodPost, root+"/transcriptions/"+id+"/revisions/0/restore", http.NoBody).want(t, http.StatusOK, nil)
	if got := p.show(id); got.Text != want.Text {
		t.Errorf("restored it is\n%s", got.Text)
	}
	p.post("/transcriptions/"+id+"/retry", map[string]any{"channels": "split", "prompt": canary}).want(t, http.StatusAccepted, nil)
	if got := p.complete(id); got.Text != want.Text {
		t.Errorf("run again it is\n%s", got.Text)
	}
	nowhere("it was run again")
	p.takesOut(t, recording)
	p.get("/transcriptions?q=word").refused(t, http.StatusBadRequest, "search_off")
	p.get("/transcriptions?speaker=Ann").refused(t, http.StatusBadRequest, "search_off")
	var page struct{ Items []transcription }
	p.get("/transcriptions?name=long").want(t, http.StatusOK, &page)
	if len(page.Items) != 1 {
		t.Errorf("by its name %d are found", len(page.Items))
	}
	s.exchangeKey(t)
	s.env["TS_ENCRYPT_AT_REST"] = "none"
	s.restart(t)
	p = p.as(t)
	if got := p.show(id); got.Text != want.Text {
		t.Errorf("with another key, and not switched on any more, it is\n%s", got.Text)
	}
	p.get("/transcriptions?q=word").want(t, http.StatusOK, nil)
	p.get("/exports/"+export+"/file").want(t, http.StatusOK, nil)
	p.takesExport(t, id, "") // in which are texts that are encrypted
	nowhere("it is not switched on any more")
}

// sealedChunks waits for chunks, and expects all that a person has in the bucket to be
// encrypted.
func (s *stack) sealedChunks(t *testing.T, p *person) {
	t.Helper()
	head := string([]byte{0x20, 0x00}) // of DARE 2.0 with AES-256-GCM
	eventually(t, "chunks are in the bucket", func() bool {
		keys, err := s.blobs.Keys(t.Context(), "u/"+p.id+"/")
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if body := s.object(t.Context(), key); body != "" && !strings.HasPrefix(body, head) {
				t.Errorf("%s is not encrypted", key)
			}
		}
		return slices.ContainsFunc(keys, func(key string) bool { return strings.Contains(key, "/chunks/") })
	})
}

// takesExport has a person make an export in the background, in which a text is to be found, and
// expects it to be in the bucket encrypted. It returns the id.
func (p *person) takesExport(t *testing.T, id, text string) (export string) {
	t.Helper()
	export = p.take(id)
	file := p.get("/exports/" + export + "/file")
	file.want(t, http.StatusOK, nil)
	if !strings.Contains(unzipped(t, string(file.body)), text) {
		t.Errorf("%q is not in the export", text)
	}
	keys, err := p.s.blobs.Keys(t.Context(), "u/"+p.id+"/"+export+"/")
	if err != nil || len(keys) != 1 {
		t.Fatalf("the objects of the export are %v, %v", keys, err)
	}
	if content := p.s.object(t.Context(), keys[0]); content == "" || unzipped(t, content) != content {
		t.Error("the export is in the bucket as it is")
	}
	return export
}

// takesOut has a person download all that is kept of them, the recording with it.
func (p *person) takesOut(t *testing.T, recording []byte) {
	t.Helper()
	res := p.as(t).get("/me/export?media=true")
	archive, err := zip.NewReader(bytes.NewReader(res.body), int64(len(res.body)))
	if err != nil {
		t.Fatalf("%d: %v", res.status, err)
	}
	for _, f := range archive.File {
		if f.UncompressedSize64 != uint64(len(recording)) {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(content, recording) {
			t.Errorf("%s is not the recording: %v", f.Name, err)
		}
		return
	}
	t.Error("the recording is not there")
}

// plays has a person play a recording from its middle on.
func (p *person) plays(t *testing.T, id string, recording []byte) {
	t.Helper()
	from, to := len(recording)/2, len(recording)/2+200_000
	got := p.as(t).get("/transcriptions/"+id+"/media", "Range", fmt.Sprintf("bytes=%d-%d", from, to))
	if got.status != http.StatusPartialContent || !bytes.Equal(got.body, recording[from:to+1]) {
		t.Errorf("%d bytes come with %d", len(got.body), got.status)
	}
}

// exchangeKey does what an operator does, and leaves the programs with the new key alone.
func (s *stack) exchangeKey(t *testing.T) {
	t.Helper()
	before, after := s.env["TS_ENCRYPTION_KEY"], rand.Text()+rand.Text()
	for _, keys := range []string{after + "," + before, after} {
		s.env["TS_ENCRYPTION_KEY"] = keys
		known.addSettings(s.env)
		s.restart(t)
		if out, err := s.command(t.Context(), "api", "migrate").CombinedOutput(); err != nil {
			t.Fatalf("api migrate: %v\n%s", err, out)
		}
	}
}

// restart has the api and the worker take up the settings.
func (s *stack) restart(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, p := range []*process{s.api, s.worker} {
		if _, err := p.stop(grace); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.startAPI(ctx); err != nil {
		t.Fatal(err)
	}
	s.replaceWorker(t)
}
