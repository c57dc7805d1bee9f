package api_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// outline is what programs that draw it read.
type outline struct {
	Version         int   `json:"version"`
	Channels        int   `json:"channels"`
	SampleRate      int   `json:"sample_rate"`
	SamplesPerPixel int   `json:"samples_per_pixel"`
	Bits            int   `json:"bits"`
	Length          int   `json:"length"`
	Data            []int `json:"data"`
}

func TestPeaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := audio.NewPeaks(2)
	for i := range int16(5) {
		left, right := make([]int16, p.Bin()), make([]int16, p.Bin())
		left[7], right[9] = 256*(i+1), -512*(i+1)
		p.Write([][]int16{left, right})
	}
	p.Flush()
	id := w.store.add(t, w.ids["user"], func(tr *transcription.Transcription) { tr.PeaksKey = "u/peaks/1/a.dat" })
	w.objects.bodies = map[string]string{"u/peaks/1/a.dat": string(p.Encode())}
	path := "/api/v1/transcriptions/" + id.String() + "/peaks"
	for _, tt := range []struct {
		query string
		want  outline
	}{
		{"", outline{2, 2, 16000, 800, 8, 5, []int{0, 1, -2, 0, 0, 2, -4, 0, 0, 3, -6, 0, 0, 4, -8, 0, 0, 5, -10, 0}}},
		{"?width=5", outline{2, 2, 16000, 800, 8, 5, []int{0, 1, -2, 0, 0, 2, -4, 0, 0, 3, -6, 0, 0, 4, -8, 0, 0, 5, -10, 0}}},
		{"?width=3", outline{2, 2, 16000, 1600, 8, 3, []int{0, 2, -4, 0, 0, 4, -8, 0, 0, 5, -10, 0}}},
		{"?width=1", outline{2, 2, 16000, 4000, 8, 1, []int{0, 5, -10, 0}}},
	} {
		got := w.do(t, call{actor: "user", path: path + tt.query})
		got.expect(t, 200, "")
		var in outline
		if err := json.Unmarshal([]byte(got.body), &in); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, tt.want); diff != "" {
			t.Errorf("%s: %s", tt.query, diff)
		}
		w.do(t, call{actor: "user", path: path + tt.query, header: map[string]string{"If-None-Match": got.Header.Get("ETag")}}).expect(t, 304, "")
		if tt.query != "" {
			w.do(t, call{actor: "user", path: path, header: map[string]string{"If-None-Match": got.Header.Get("ETag")}}).expect(t, 200, "")
		}
	}
	for _, query := range []string{"?width=0", "?width=-1", "?width=x", "?width=100001"} {
		w.do(t, call{actor: "user", path: path + query}).expect(t, 400, "invalid_width")
	}
	w.do(t, call{actor: "user", path: path + "?points=3"}).expect(t, 400, "unknown_parameter")
	gone := w.store.add(t, w.ids["user"], func(tr *transcription.Transcription) {
		tr.PeaksKey, tr.Status, tr.Failure = "u/peaks/1/a.dat", transcription.Failed, &transcription.Failure{Code: "no_audio", Message: "It has no sound."}
		tr.File.Gone = true
	})
	w.do(t, call{actor: "user", path: "/api/v1/transcriptions/" + gone.String() + "/peaks"}).expect(t, 410, "recording_gone")
	w.objects.bodies["u/peaks/1/a.dat"] = "damaged"
	w.do(t, call{actor: "user", path: path}).expect(t, 500, "internal")
}
