package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// grace is how long a refresh token that was replaced still gets the answer it
// got the first time: two tabs refresh at once, and answers get lost.
const grace = 30 * time.Second

// longest is how long a sign-in lasts at most, however often it is refreshed.
const longest = 90 * 24 * time.Hour

// tokenBytes is the length of a refresh token.
const tokenBytes = 32

// Grant is what a person holds who has signed in, or has begun to.
type Grant struct {
	UserID         uuid.UUID
	Access         string // a JWT, for minutes
	AccessExpires  time.Time
	Refresh        string // opaque, for one use
	RefreshExpires time.Time
	CSRF           string // for as long as the sign-in
	Device         string // by which this device is known from now on; empty when refreshing
	DeviceExpires  time.Time

	Challenge        string // to bring a second factor to, when nothing else was granted
	ChallengeExpires time.Time
	ReturnTo         string // where they wanted to go when a provider was asked; empty: nowhere
}

// open starts a new family of sessions for the user.
func (s *Service) open(ctx context.Context, u *User) (*Grant, error) {
	token, err := s.newToken()
	if err != nil {
		return nil, err
	}
	family, err := s.newID()
	if err != nil {
		return nil, err
	}
	session, err := s.newSession(ctx, token, &Session{FamilyID: family, UserID: u.ID, BeganAt: s.now()})
	if err != nil {
		return nil, err
	}
	err = s.store.CreateSession(ctx, session, u.Generation)
	if fault.Is(err, fault.Conflict) { // what they came with was changed while it was checked
		return nil, s.refuse(ctx, u, wrongCredentials())
	}
	if err != nil {
		return nil, err
	}
	if err := s.Audit(ctx, Entry{Action: SignedIn, SubjectID: u.ID}); err != nil {
		return nil, err
	}
	g, err := s.grant(u, session, token)
	if err != nil {
		return nil, err
	}
	g.Device, g.DeviceExpires, err = s.newDevice(u)
	return g, err
}

// Refresh exchanges a refresh token for new ones. Within 30 seconds it may be
// used again and yields the same successor. Unauthenticated session_expired:
// unknown, too old or ended; session_reused: somebody else has used it, so the
// whole family was ended; account_disabled.
func (s *Service) Refresh(ctx context.Context, token string) (*Grant, error) {
	old, err := s.session(ctx, token)
	if err != nil {
		return nil, err
	}
	if old.ReplacedAt.IsZero() {
		old, err = s.rotate(ctx, old, token)
	}
	if err != nil {
		return nil, err
	}
	if s.now().Sub(old.ReplacedAt) > grace {
		return nil, s.reused(ctx, old)
	}
	next, successor, err := s.successor(ctx, token)
	if err != nil {
		return nil, err
	}
	u, err := s.Me(ctx, Actor{UserID: old.UserID})
	if err != nil {
		return nil, err
	}
	if u.Disabled() {
		return nil, accountDisabled(fault.Unauthenticated)
	}
	return s.grant(u, next, successor)
}

// session returns the living session of a token.
func (s *Service) session(ctx context.Context, token string) (*Session, error) {
	session, err := s.store.SessionByToken(ctx, hashToken(token))
	if fault.Is(err, fault.NotFound) {
		return nil, sessionExpired(err)
	}
	if err != nil {
		return nil, err
	}
	if !session.RevokedAt.IsZero() || !s.now().Before(session.ExpiresAt) {
		return nil, sessionExpired(nil)
	}
	return session, nil
}

// rotate replaces old by its successor and returns old as it stands then. When
// another request did so at the same moment, its work is taken.
func (s *Service) rotate(ctx context.Context, old *Session, token string) (*Session, error) {
	next, err := s.newSession(ctx, s.keys[0].successor(token), old)
	if err != nil {
		return nil, err
	}
	err = s.store.RotateSession(ctx, old.ID, next)
	if err != nil && !fault.Is(err, fault.Conflict) {
		return nil, err
	}
	return s.session(ctx, token)
}

// successor returns the session that replaced the one of the token, and its own
// token. The secret may have changed since, so every one is tried.
func (s *Service) successor(ctx context.Context, token string) (*Session, string, error) {
	for _, k := range s.keys {
		next := k.successor(token)
		session, err := s.session(ctx, next)
		if err == nil {
			return session, next, nil
		}
		if !fault.Is(err, fault.Unauthenticated) {
			return nil, "", err
		}
	}
	return nil, "", sessionExpired(nil)
}

// reused ends the family of a token that came back after its time: either it or
// its successor is in the wrong hands, and nobody can say which.
func (s *Service) reused(ctx context.Context, old *Session) error {
	zerolog.Ctx(ctx).Warn().Stringer("user", old.UserID).Stringer("session", old.FamilyID).Msg("refresh token used again, sign-in ended")
	if err := s.store.RevokeFamily(ctx, old.FamilyID, s.now()); err != nil {
		return err
	}
	s.rights.forget(old.UserID)
	if err := s.Audit(ctx, Entry{Action: SessionReused, SubjectID: old.UserID}); err != nil {
		return err
	}
	return fault.New(fault.Unauthenticated, "This sign-in was used in two places and has been ended to keep your account safe. Sign in again.").
		WithCode("session_reused")
}

// Logout ends the sign-in of the refresh token and that of the actor. Both may be
// missing or unknown: signing out twice is no error.
func (s *Service) Logout(ctx context.Context, who Actor, token string) error {
	if who.SessionID != uuid.Nil {
		if err := s.end(ctx, signIn{who.UserID, who.SessionID}); err != nil {
			return err
		}
	}
	session, err := s.store.SessionByToken(ctx, hashToken(token))
	if fault.Is(err, fault.NotFound) || err == nil && session.FamilyID == who.SessionID {
		return nil
	}
	if err != nil {
		return err
	}
	return s.end(ctx, signIn{session.UserID, session.FamilyID})
}

// end ends a sign-in, in this process at once.
func (s *Service) end(ctx context.Context, of signIn) error {
	if err := s.store.RevokeFamily(ctx, of.session, s.now()); err != nil {
		return err
	}
	s.rights.forget(of.user)
	return s.Audit(ctx, Entry{Action: SignedOut, SubjectID: of.user})
}

// newSession returns the next session of the sign-in that another one belongs to.
func (s *Service) newSession(ctx context.Context, token string, of *Session) (*Session, error) {
	id, err := s.newID()
	if err != nil {
		return nil, err
	}
	now := s.now()
	expires := now.Add(s.refreshTTL)
	if last := of.BeganAt.Add(longest); last.Before(expires) {
		expires = last
	}
	return &Session{
		ID: id, FamilyID: of.FamilyID, UserID: of.UserID, TokenHash: hashToken(token),
		CreatedAt: now, ExpiresAt: expires, BeganAt: of.BeganAt, Client: clientOf(ctx),
	}, nil
}

func (s *Service) grant(u *User, session *Session, token string) (*Grant, error) {
	who := Actor{UserID: u.ID, SessionID: session.FamilyID, Since: session.BeganAt}
	access, expires, err := s.sign(who, s.now())
	if err != nil {
		return nil, err
	}
	return &Grant{
		UserID: u.ID, Access: access, AccessExpires: expires, Refresh: token, RefreshExpires: session.ExpiresAt, CSRF: s.CSRFToken(who),
	}, nil
}

// newToken returns 256 random bits.
func (s *Service) newToken() (string, error) {
	raw := make([]byte, tokenBytes)
	if _, err := io.ReadFull(s.rand, raw); err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// successor derives the token that replaces another. Because it is derived, a
// repeated refresh gives the same one although only hashes are stored; a second
// branch of the family, which a thief could live on unnoticed, never comes to be.
func (k keys) successor(token string) string {
	mac := hmac.New(sha256.New, k.refresh)
	mac.Write([]byte(token))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func hashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

func sessionExpired(err error) error {
	return fault.Wrap(err, fault.Unauthenticated, "Your sign-in has expired. Sign in again.").WithCode("session_expired")
}
