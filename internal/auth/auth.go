// Package auth decides who is calling and what they may do.
package auth

import (
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// errNobody is what the zero Actor is told.
var errNobody = fault.New(fault.Unauthenticated, "Sign in to continue.")

// Actor is whoever makes a request: a person who has signed in, a program with an API key
// of theirs, or a guest. The zero Actor is nobody.
type Actor struct {
	UserID      uuid.UUID
	Email       string
	Role        Role
	Permissions []Permission // of the role, as the database has them now
	SessionID   uuid.UUID    // the sign-in, the same over all its refreshes; zero for a key
	KeyID       uuid.UUID    // the API key; zero for who has signed in
	LinkID      uuid.UUID    // the link that a guest has come by; zero for everybody else
	Label       string       // of that link
	Since       time.Time    // when they have signed in; zero for a key
	Expires     time.Time    // when the actor has to prove again who that is; zero: never
	Enrolling   bool         // they have to add a second factor before anything else
	generation  int          // of the account, as far as is known here
}

// Guest returns whoever comes by a link: somebody without an account, who may read what
// the link is of and, where it is one to edit, change it. They own nothing, so what asks for
// an owner has nothing for them.
func Guest(link uuid.UUID, label string, edit bool) Actor {
	who := Actor{LinkID: link, Label: label, Permissions: []Permission{ReadTranscriptions}}
	if edit {
		who.Permissions = append(who.Permissions, WriteTranscriptions)
	}
	return who
}

// ID returns what stores know the actor by where more than an owner may do something: the
// account, or the link of a guest. Zero: nobody.
func (a Actor) ID() uuid.UUID {
	if a.LinkID != uuid.Nil {
		return a.LinkID
	}
	return a.UserID
}

// Known returns nil when the actor is somebody, whatever they may do, and an
// Unauthenticated fault otherwise.
func (a Actor) Known() error {
	if a.UserID == uuid.Nil {
		return errNobody
	}
	return nil
}

// SignedIn returns nil when the actor is somebody who may do what their role may, an
// Unauthenticated fault when nobody is signed in, and a Forbidden one,
// second_factor_missing, for who has to add a second factor first.
func (a Actor) SignedIn() error {
	if err := a.Known(); err != nil {
		return err
	}
	if a.Enrolling {
		return fault.New(fault.Forbidden, "Your role needs a second factor. Add one with POST /api/v1/me/second-factor, then go on.").WithCode("second_factor_missing")
	}
	return nil
}

// MayEnrol is InPerson for adding a second factor, which who has to have one must be able to.
func (a Actor) MayEnrol() error {
	a.Enrolling = false
	return a.InPerson()
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
