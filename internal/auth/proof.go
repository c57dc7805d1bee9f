package auth

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// recentSignIn is how long after proving who they are somebody may do what changes how
// somebody signs in, or cannot be undone.
const recentSignIn = 15 * time.Minute

// What privacy tells the audit log.
const (
	AccountDeleted  Action = "account.deleted"  // details: by, receipt
	AccountExported Action = "account.exported" // somebody was given all that is kept of them
)

// Prove has the caller show that the account is theirs, for what cannot be undone: by the
// password or, for who has none, by a recent sign-in. Forbidden: key_not_allowed,
// wrong_password, recent_sign_in_required.
func (s *Service) Prove(ctx context.Context, who Actor, password string) error {
	_, err := s.confirm(ctx, who, password)
	return err
}

// RequireRecent refuses whoever found an open browser: an Unauthenticated or Forbidden fault
// for who is not there in person, and Forbidden recent_sign_in_required.
func (s *Service) RequireRecent(who Actor) error {
	if err := who.InPerson(); err != nil {
		return err
	}
	if s.now().Sub(who.Since) > recentSignIn {
		return fault.New(fault.Forbidden, "This changes how somebody signs in or cannot be undone, so it needs a sign-in that is no older than %d minutes. Sign in again.",
			int(recentSignIn.Minutes())).WithCode("recent_sign_in_required")
	}
	return nil
}

// Forget has what an account may do asked anew here, where it was changed by another
// package.
func (s *Service) Forget(user uuid.UUID) { s.rights.forget(user) }
