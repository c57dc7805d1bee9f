package auth

import (
	"context"

	"github.com/google/uuid"
)

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

// Forget has what an account may do asked anew here, where it was changed by another
// package.
func (s *Service) Forget(user uuid.UUID) { s.rights.forget(user) }
