package auth

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

const (
	// accessType keeps tokens of other kinds, signed with the same key one day,
	// from being taken for access tokens (RFC 9068).
	accessType = "at+jwt"
	// audience is who access tokens are for.
	audience = "turboscribe-api"
	// clockSkew is how far the clocks of two servers may be apart.
	clockSkew = 10 * time.Second

	minSecret = 32 // bytes
)

var signingMethod = jwt.SigningMethodHS256

// keys are what one secret is used for. Each use has a key of its own, so that
// nothing made for one can serve for another.
type keys struct {
	id        string // names the secret in a token without telling anything of it
	access    []byte
	refresh   []byte
	csrf      []byte
	device    []byte
	upload    []byte
	handshake []byte
	challenge []byte
	link      []byte
}

func deriveKeys(secret []byte) (k keys, err error) {
	if len(secret) < minSecret {
		return keys{}, fmt.Errorf("a secret of %d bytes is too short: at least %d random bytes are needed", len(secret), minSecret)
	}
	id, err := hkdf.Key(sha256.New, secret, nil, "turboscribe key id", 6)
	if err != nil {
		return keys{}, fmt.Errorf("derive the key id: %w", err)
	}
	k.id = base64.RawURLEncoding.EncodeToString(id)
	for use, key := range map[string]*[]byte{
		"access token": &k.access, "refresh token": &k.refresh, "csrf token": &k.csrf, "device": &k.device, "upload token": &k.upload, "handshake": &k.handshake, "link": &k.link,
		"challenge": &k.challenge,
	} {
		if *key, err = hkdf.Key(sha256.New, secret, nil, "turboscribe "+use, sha256.Size); err != nil {
			return keys{}, fmt.Errorf("derive the key of a %s: %w", use, err)
		}
	}
	return k, nil
}

// claims is what an access token says: whose it is. What they are and may do is looked
// up, since it may change while the token is good.
type claims struct {
	jwt.RegisteredClaims
	SessionID string `json:"sid"`
	// AuthTime is when they have proved who they are, however often the sign-in was
	// refreshed since.
	AuthTime *jwt.NumericDate `json:"auth_time,omitempty"`
}

// sign returns an access token for the actor and the time until which it holds.
func (s *Service) sign(a Actor, now time.Time) (string, time.Time, error) {
	id, err := s.newID()
	if err != nil {
		return "", time.Time{}, err
	}
	expires := now.Add(s.accessTTL).Truncate(time.Second)
	token := jwt.NewWithClaims(signingMethod, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			ID:        id.String(),
			Issuer:    s.issuer,
			Audience:  jwt.ClaimStrings{audience},
			Subject:   a.UserID.String(),
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(expires),
		},
		SessionID: a.SessionID.String(),
		AuthTime:  jwt.NewNumericDate(a.Since),
	})
	token.Header["typ"] = accessType
	token.Header["kid"] = s.keys[0].id
	signed, err := token.SignedString(s.keys[0].access)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign an access token: %w", err)
	}
	return signed, expires, nil
}

// Authenticate returns who the access token speaks for, and what they may do.
// Unauthenticated token_expired: refresh it; token_invalid: it was never good, or its
// key is gone; account_gone, account_disabled, session_expired: what it was made for
// has ended, two seconds ago at the most.
func (s *Service) Authenticate(ctx context.Context, token string) (Actor, error) {
	who, err := s.verify(token)
	if err != nil {
		return Actor{}, err
	}
	return s.entitle(ctx, who)
}

// verify returns whose token it is.
func (s *Service) verify(token string) (Actor, error) {
	var c claims
	_, err := s.parser.ParseWithClaims(token, &c, s.key)
	if errors.Is(err, jwt.ErrTokenExpired) {
		return Actor{}, Expired(err)
	}
	if err != nil {
		return Actor{}, invalidToken(err)
	}
	return c.actor()
}

// Expired is the fault of whose token was good for as long as it could be.
func Expired(err error) error {
	return fault.Wrap(err, fault.Unauthenticated, "Your sign-in has expired. Refresh it or sign in again.").WithCode("token_expired")
}

func (c *claims) actor() (Actor, error) {
	user, err := uuid.Parse(c.Subject)
	if err != nil {
		return Actor{}, invalidToken(fmt.Errorf("parse sub: %w", err))
	}
	session, err := uuid.Parse(c.SessionID)
	if err != nil {
		return Actor{}, invalidToken(fmt.Errorf("parse sid: %w", err))
	}
	who := Actor{UserID: user, SessionID: session, Expires: c.ExpiresAt.Add(clockSkew).UTC()}
	if c.AuthTime != nil { // tokens of earlier versions do not say it
		who.Since = c.AuthTime.UTC()
	}
	return who, nil
}

// key returns the key of an access token.
func (s *Service) key(t *jwt.Token) (any, error) {
	k, err := s.keysOf(t, accessType)
	return k.access, err
}

// keysOf returns the keys of the secret that a token names, if it is of that type.
func (s *Service) keysOf(t *jwt.Token, typ string) (keys, error) {
	if t.Header["typ"] != typ {
		return keys{}, fmt.Errorf("a token of type %v is none of type %s", t.Header["typ"], typ)
	}
	for _, k := range s.keys {
		if t.Header["kid"] == k.id {
			return k, nil
		}
	}
	return keys{}, errors.New("the key of the token is not known")
}

func (s *Service) newParser(audience string) *jwt.Parser {
	return jwt.NewParser(
		jwt.WithValidMethods([]string{signingMethod.Alg()}),
		jwt.WithIssuer(s.issuer),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
		jwt.WithNotBeforeRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(clockSkew),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(s.now),
	)
}

func invalidToken(err error) error {
	return fault.Wrap(err, fault.Unauthenticated, "That access token is not valid. Sign in again.").WithCode("token_invalid")
}
