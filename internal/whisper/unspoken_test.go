package whisper

import "testing"

func TestNotSpeech(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]bool{
		"(": true, " (": true, " ♪♪": true, "---": true, " --": true, "#": true, " -": true, " '": true,
		"": false, " ": false, "  (": false, "-": false, "'": false, " it": false, "'s": false, ".": false, "?": false, "(a": false, "$": false, "%": false,
	} {
		if got := notSpeech(token); got != want {
			t.Errorf("%q: %v", token, got)
		}
	}
}
