// Package auth decides who is calling and what they may do.
package auth

import (
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// errNobody is what the zero Actor is told.
var errNobody = fault.New(fault.Unauthenticated, "Sign in to continue.")

// Actor is whoever makes a request: a person who has signed in, or a program with an API
// key of theirs. The zero Actor is nobody.
type Actor struct {
	UserID      uuid.UUID
	Email       string
	Role        Role
	Permissions []Permission // of the role, as the database has them now
	SessionID   uuid.UUID    // the sign-in, the same over all its refreshes; zero for a key
	KeyID       uuid.UUID    // the API key; zero for who has signed in
	Since       time.Time    // when they have signed in; zero for a key
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

// InPerson returns nil when the actor has signed in, and a Forbidden fault
// key_not_allowed when it is a program with an API key: whoever finds one shall be able
// neither to make others nor to change how its owner signs in.
func (a Actor) InPerson() error {
	if err := a.SignedIn(); err != nil {
		return err
	}
	if a.KeyID != uuid.Nil {
		return fault.New(fault.Forbidden, "An API key cannot do this. Sign in instead.").WithCode("key_not_allowed")
	}
	return nil
}
