package auth

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// maxEmail is the longest address that fits into an SMTP command.
const maxEmail = 254

// NormaliseEmail returns an address in the one form under which it is stored and
// found. All of it is lower case, also the part before the @: no provider of
// note tells the cases apart, and two accounts that differ in nothing else would
// be an invitation to pose as somebody.
func NormaliseEmail(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > maxEmail || strings.ContainsFunc(s, unfit) {
		return "", fault.New(fault.Invalid, "That is not an e-mail address. It looks like name@example.com.").
			WithCode("invalid_email").With("field", "email")
	}
	return s, nil
}

// unfit reports characters that RFC 5322 lets into quoted names and address
// literals, and that nobody's address has, and what stands for a byte that was none.
func unfit(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`"[]()<>,;:\`, r) || r == utf8.RuneError
}
