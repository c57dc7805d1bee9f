// Package auth decides who is calling and what they may do.
package auth

import (
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// errNobody is what the zero Actor is told.
var errNobody = fault.New(fault.Unauthenticated, "Sign in to continue.")

// Actor is whoever makes a request. The zero Actor is nobody.
type Actor struct {
	UserID      uuid.UUID
	Email       string
	Role        Role
	Permissions []Permission // of the role, as the database has them now
	SessionID   uuid.UUID    // the sign-in, the same over all its refreshes
	Expires     time.Time    // when the actor has to prove again who that is; zero: never
}

// SignedIn returns nil when the actor is somebody and an Unauthenticated fault
// otherwise.
func (a Actor) SignedIn() error {
	if a.UserID == uuid.Nil {
		return errNobody
	}
	return nil
}
