package auth

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// FuzzNormaliseEmail: an address has one form, and none that could leave its line in a mail.
func FuzzNormaliseEmail(f *testing.F) {
	for _, seed := range []string{
		"Ada@Example.com", " a@b ", "a@b\r\nBcc: c@d", "\"a b\"@c", "a@[127.0.0.1]", "A <a@b>", "İ@example.com", "ſ@example.com", "a@\xff", "@", "",
		strings.Repeat("a", 300) + "@b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := NormaliseEmail(s)
		if err != nil {
			if got != "" || fault.Of(err).Code != "invalid_email" {
				t.Errorf("%q: got %q, %v", s, got, err)
			}
			return
		}
		again, err := NormaliseEmail(got)
		if again != got || err != nil || len(got) > maxEmail || strings.ContainsAny(got, " \t\r\n<>,\x00") || !strings.Contains(got, "@") || !utf8.ValidString(got) {
			t.Errorf("%q became %q and that %q, %v", s, got, again, err)
		}
	})
}
