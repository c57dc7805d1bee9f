package auth

import (
	"context"
	"time"
	"unicode"

	"github.com/google/uuid"
)

// Client is what is known of the program that a sign-in belongs to, so that its owner
// can tell one from another.
type Client struct {
	IP        string
	UserAgent string // in its own words: at most 200 characters, all of them printable
}

// clientOf returns the program that makes the request of ctx.
func clientOf(ctx context.Context) Client {
	o := OriginOf(ctx)
	return Client{IP: o.IP, UserAgent: printable(o.UserAgent)}
}

const maxUserAgent = 200

func printable(s string) string {
	var kept []rune
	for _, r := range s {
		if unicode.IsPrint(r) && len(kept) < maxUserAgent {
			kept = append(kept, r)
		}
	}
	return string(kept)
}

// SignIn is a family of sessions as its owner sees it.
type SignIn struct {
	ID        uuid.UUID
	BeganAt   time.Time
	UsedAt    time.Time // when its tokens were refreshed the last time, or made
	ExpiresAt time.Time // unless it is refreshed before
	Client              // that did so
}

// Cursor is a place in a list that is ordered by time and id, newest first. The zero
// Cursor is its beginning.
type Cursor struct {
	CreatedAt time.Time
	ID        uuid.UUID
}

// SignIns returns a page of the caller's living sign-ins, newest first. Invalid
// invalid_limit.
func (s *Service) SignIns(ctx context.Context, who Actor, after Cursor, limit int) ([]SignIn, error) {
	if err := who.InPerson(); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	return s.store.SignIns(ctx, who.UserID, SignInFilter{Now: s.now(), After: after, Limit: int64(limit)})
}

// EndSignIn ends one of the caller's sign-ins, this one too. Forbidden
// recent_sign_in_required: it is another, and who has found this one shall not end that of
// its owner. NotFound: there is none of that id, it has ended, or it is somebody else's.
func (s *Service) EndSignIn(ctx context.Context, who Actor, id uuid.UUID) error {
	if err := who.InPerson(); err != nil {
		return err
	}
	if id != who.SessionID {
		if err := s.RequireRecent(who); err != nil {
			return err
		}
	}
	if err := s.store.EndSignIn(ctx, who.UserID, id, s.now()); err != nil {
		return err
	}
	s.rights.forget(who.UserID)
	return s.Audit(ctx, Entry{Action: SignedOut, SubjectID: who.UserID})
}

// EndOtherSignIns ends all sign-ins of the caller but this one. Forbidden
// recent_sign_in_required.
func (s *Service) EndOtherSignIns(ctx context.Context, who Actor) error {
	if err := s.RequireRecent(who); err != nil {
		return err
	}
	if err := s.store.EndSignIns(ctx, who.UserID, who.SessionID, s.now()); err != nil {
		return err
	}
	s.rights.forget(who.UserID)
	return s.Audit(ctx, Entry{Action: SignedOut, SubjectID: who.UserID})
}
