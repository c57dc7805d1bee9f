package api_test

import (
	"slices"
	"strings"
	"testing"
)

// A recording of which somebody has the text is not transcribed: it is completed with that.
func TestUpload_withItsText(t *testing.T) {
	t.Parallel()
	text := []field{{"transcript", strings.Repeat("\n", 5000) + "1\n00:00:01,000 --> 00:00:02,500\nOne two.\n"}, {"transcriptFormat", "srt"}}
	recording := []field{{"file", "sound sound"}, {"language", "en"}}
	for name, fields := range map[string][]field{"before": slices.Concat(text, recording), "behind": slices.Concat(recording, text)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			body, kind := form(t, fields...)
			made := w.upload(t, body, kind)
			made.expect(t, 202, "")
			if !strings.Contains(made.body, `"status":"completed"`) {
				t.Errorf("got %s", made.body)
			}
			got := w.do(t, call{actor: "user", path: made.Header.Get("Location")})
			got.expect(t, 200, "")
			for _, want := range []string{`"status":"completed"`, `"text":"One two."`, `"start":1.000,"end":2.500`, `"revision":0`, `"language":"en","languageConfidence":1.000`, `"model":null`, `"progress":1`} {
				if !strings.Contains(got.body, want) {
					t.Errorf("got %s, want %s", got.body, want)
				}
			}
		})
	}
}
