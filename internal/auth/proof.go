package auth

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// What privacy tells the audit log.
const (
	AccountDeleted  Action = "account.deleted"  // details: by, receipt
	AccountExported Action = "account.exported" // somebody was given all that is kept of them
)

// recently is how long a sign-in proves by itself that its owner is at the keyboard.
const recently = 5 * time.Minute

// Prove has the caller show that the account is theirs, for what cannot be undone: by
// the password or, with none, by having signed in within five minutes. Forbidden:
// key_not_allowed, wrong_password, sign_in_again.
func (s *Service) Prove(ctx context.Context, who Actor, password string) error {
	if password == "" {
		return s.signedInRecently(ctx, who)
	}
	_, err := s.confirm(ctx, who, password)
	return err
}

func (s *Service) signedInRecently(ctx context.Context, who Actor) error {
	if err := who.InPerson(); err != nil {
		return err
	}
	now := s.now()
	found, err := s.store.SignIns(ctx, who.UserID, SignInFilter{Now: now, Limit: MaxPage})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(found, func(in SignIn) bool { return in.ID == who.SessionID && now.Sub(in.BeganAt) < recently }) {
		return nil
	}
	return fault.New(fault.Forbidden, "Give your password, or sign in again and do this within %d minutes.", int(recently.Minutes())).WithCode("sign_in_again")
}

// Forget has what an account may do asked anew here, where it was changed by another
// package.
func (s *Service) Forget(user uuid.UUID) { s.rights.forget(user) }
