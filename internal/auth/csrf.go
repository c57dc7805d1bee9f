package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// CSRFToken returns what a page has to send with every request that changes something
// in the name of a cookie. It belongs to the sign-in and holds for as long as that,
// over all its refreshes: a page that is open for a day never finds it expired. Empty
// for whoever has no sign-in.
func (s *Service) CSRFToken(a Actor) string {
	if a.SessionID == uuid.Nil {
		return ""
	}
	return s.keys[0].csrfToken(a.SessionID)
}

// CheckCSRF returns nil when the token is that of the actor's sign-in. Forbidden
// csrf_token: it is missing, or that of another one.
func (s *Service) CheckCSRF(a Actor, token string) error {
	for _, k := range s.keys {
		if a.SessionID != uuid.Nil && hmac.Equal([]byte(token), []byte(k.csrfToken(a.SessionID))) {
			return nil
		}
	}
	return fault.New(fault.Forbidden, "This request lacks the token of your sign-in. Reload the page and try again; programs send the value of "+
		"the cookie csrf_token in the header X-CSRF-Token, or a bearer token instead of cookies.").WithCode("csrf_token")
}

func (k keys) csrfToken(session uuid.UUID) string {
	mac := hmac.New(sha256.New, k.csrf)
	mac.Write(session[:])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
