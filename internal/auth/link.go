package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/rate"
)

// LinkMark begins the token of every link, so that scanners of leaked secrets and logs know
// one when they see it.
const LinkMark = "tsl_"

// linkTTL is how long a guest need not give the password of a link again.
const linkTTL = 12 * time.Hour

// Lock is the password of a link, as it is kept.
type Lock struct {
	LinkID uuid.UUID
	Hash   string // a PHC string; empty: there is no password
}

// NewLinkToken returns the token of a new link, which is kept nowhere, and its hash.
func (s *Service) NewLinkToken() (token string, hash TokenHash, err error) {
	if token, err = s.newToken(); err != nil {
		return "", hash, err
	}
	token = LinkMark + token
	return token, hashToken(token), nil
}

// LinkHash returns the hash of a token, by which its link is found.
func LinkHash(token string) TokenHash { return hashToken(token) }

// HashLinkPassword returns the hash of a password for a link. Invalid: it is none that
// anybody should choose, as for an account.
func (s *Service) HashLinkPassword(ctx context.Context, password string) (string, error) {
	if err := checkPassword("", password); err != nil {
		return "", err
	}
	return s.hasher.hash(ctx, password)
}

// Unlock returns what a guest proves with, until it expires, that they know the password of
// a link. It is good for that link and that password alone. Forbidden wrong_password.
// RateLimited too_many_attempts: too many were wrong lately.
func (s *Service) Unlock(ctx context.Context, l Lock, password string) (proof string, expires time.Time, err error) {
	if l.Hash == "" {
		proof, expires = s.proveLink(l)
		return proof, expires, nil
	}
	guess, err := s.beginLink(ctx, l.LinkID)
	if err != nil {
		return "", time.Time{}, err
	}
	ok, _, err := s.hasher.verify(ctx, l.Hash, password)
	if ok || err != nil {
		guess.undo(ctx)
	}
	if err != nil {
		return "", time.Time{}, err
	}
	if !ok {
		return "", time.Time{}, fault.New(fault.Forbidden, "That is not the password of this link.").WithCode("wrong_password").With("field", "password")
	}
	proof, expires = s.proveLink(l)
	return proof, expires, nil
}

// Unlocked reports whether that is a proof for the lock. Where there is no password
// none is needed.
func (s *Service) Unlocked(l Lock, proof string) bool {
	if l.Hash == "" {
		return true
	}
	raw, err := base64.RawURLEncoding.DecodeString(proof)
	if err != nil || len(raw) != 8+sha256.Size {
		return false
	}
	for _, k := range s.keys {
		if hmac.Equal(k.proveLink(raw[:8], l), raw) {
			return s.now().Before(time.Unix(int64(binary.BigEndian.Uint64(raw)), 0)) //nolint:gosec // what Unlock wrote
		}
	}
	return false
}

// beginLink counts an attempt at the password of a link, as begin does for accounts: each
// next one takes longer, from one network and from all together.
func (s *Service) beginLink(ctx context.Context, id uuid.UUID) (attempt, error) {
	name := "link " + id.String()
	a, wait := s.attempt(ctx, ofAnybody(name, name, rate.Network(OriginOf(ctx).IP, 24)))
	return a, tooManyAttempts(wait, passwords, "")
}

func (s *Service) proveLink(l Lock) (proof string, expires time.Time) {
	expires = s.now().Add(linkTTL).Truncate(time.Second)
	claim := binary.BigEndian.AppendUint64(nil, uint64(expires.Unix())) //nolint:gosec // after 1970
	return base64.RawURLEncoding.EncodeToString(s.keys[0].proveLink(claim, l)), expires
}

// proveLink returns the claim with its proof behind it.
func (k keys) proveLink(claim []byte, l Lock) []byte {
	return prove(k.link, claim, []byte(l.LinkID.String()+" "+l.Hash)...)
}
