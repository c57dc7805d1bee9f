package transcription

import (
	"testing"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// FuzzParsePlace: clients send back as Last-Event-ID what they were told, or anything.
func FuzzParsePlace(f *testing.F) {
	for _, seed := range []string{"", "1-2-3", "01-2-3", "1-2-3-4", "-1-2-3", "1--2-3", "9223372036854775808-1-1", " 1-2-3", "1-2-3\n", "１-2-3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePlace(text)
		if err != nil {
			if p != (Place{}) || fault.Of(err).Code != "invalid_place" {
				t.Errorf("%q: got %+v, %v", text, p, err)
			}
			return
		}
		if text != "" && p.String() != text || p.Run < 0 || p.Change < 0 || p.Segments < 0 {
			t.Errorf("%q was read as %+v", text, p)
		}
	})
}
