package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

const (
	// handshakeType and handshakeAudience are those of no other token.
	handshakeType     = "handshake+jwt"
	handshakeAudience = "turboscribe-handshake"
	// handshakeTTL is how long somebody may take at a provider.
	handshakeTTL = 10 * time.Minute
	// defaultReturn is where people go on who have not said where: a page that says who is
	// signed in.
	defaultReturn = "/account"
	// maxReturn is the longest path to go on at. It is in a cookie.
	maxReturn = 1024
)

// handshake is what a browser keeps, signed, while it is at a provider. The secrets of it
// are derived from its id, so that nobody who sees the token can finish it elsewhere.
type handshake struct {
	jwt.RegisteredClaims        // the id is the state; the subject is who links, if anybody
	SessionID            string `json:"sid,omitempty"` // by which sign-in
	Provider             string `json:"provider"`
	ReturnTo             string `json:"returnTo"`
}

// newHandshake returns one that links an account if the actor is somebody, and signs in if
// not. Invalid invalid_return: that is no path of this installation.
func (s *Service) newHandshake(who Actor, provider, returnTo string) (*handshake, error) {
	if returnTo == "" {
		returnTo = defaultReturn
	}
	if !isPath(returnTo) {
		return nil, fault.New(fault.Invalid, "Going on is possible at a path of this installation only, such as /account, and with at most %d characters.", maxReturn).
			WithCode("invalid_return").With("field", "returnTo")
	}
	state, err := s.newToken()
	if err != nil {
		return nil, err
	}
	now := s.now()
	h := &handshake{Provider: provider, ReturnTo: returnTo, RegisteredClaims: jwt.RegisteredClaims{
		ID: state, Issuer: s.issuer, Audience: jwt.ClaimStrings{handshakeAudience},
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(handshakeTTL)),
	}}
	if who.UserID != uuid.Nil {
		h.Subject, h.SessionID = who.UserID.String(), who.SessionID.String()
	}
	return h, nil
}

// isPath reports whether that is a path of this installation for every browser: those take
// // and /\ for the beginning of a host, and leave out control characters.
func isPath(s string) bool {
	if len(s) > maxReturn || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '\\' || r >= 0x7f }) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil
}

// openHandshake returns the one of a token that was made for the provider and the state
// that came back from there, with what the provider was told. Invalid handshake_invalid.
func (s *Service) openHandshake(token, provider, state string) (*handshake, Handshake, error) {
	h := new(handshake)
	var by keys
	_, err := s.newParser(handshakeAudience).ParseWithClaims(token, h, func(t *jwt.Token) (any, error) {
		k, err := s.keysOf(t, handshakeType)
		by = k
		return k.handshake, err
	})
	if err != nil {
		return nil, Handshake{}, badHandshake(err)
	}
	if h.Provider != provider || !hmac.Equal([]byte(h.ID), []byte(state)) {
		return nil, Handshake{}, badHandshake(nil)
	}
	return h, h.with(by), nil
}

func badHandshake(err error) error {
	return fault.Wrap(err, fault.Invalid, "This sign-in was begun in another browser or more than %d minutes ago, or it was finished before. Start again.",
		int(handshakeTTL.Minutes())).WithCode("handshake_invalid")
}

// sign returns the token of a handshake. The first key makes it, and what is derived with
// that key goes to the provider.
func (h *handshake) sign(k keys) (string, error) {
	token := jwt.NewWithClaims(signingMethod, h)
	token.Header["typ"], token.Header["kid"] = handshakeType, k.id
	signed, err := token.SignedString(k.handshake)
	if err != nil {
		return "", fmt.Errorf("sign a handshake: %w", err)
	}
	return signed, nil
}

// with derives what the provider is told.
func (h *handshake) with(k keys) Handshake {
	derive := func(use string) string {
		mac := hmac.New(sha256.New, k.handshake)
		mac.Write([]byte(use + " of " + h.ID))
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	return Handshake{State: h.ID, Nonce: derive("nonce"), Verifier: derive("verifier")}
}

// actor returns who wants to link an account, the zero Actor where somebody signs in.
func (h *handshake) actor() (Actor, error) {
	if h.Subject == "" {
		return Actor{}, nil
	}
	user, err := uuid.Parse(h.Subject)
	if err != nil {
		return Actor{}, badHandshake(err)
	}
	session, err := uuid.Parse(h.SessionID)
	if err != nil {
		return Actor{}, badHandshake(err)
	}
	return Actor{UserID: user, SessionID: session}, nil
}
