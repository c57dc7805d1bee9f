// Package auth decides who is calling and what they may do.
package auth

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Role names what a person is to this installation. Roles are rows of the
// database as well: a user references one.
type Role string

// The roles.
const (
	Admin  Role = "admin" // runs the installation
	Member Role = "user"  // has recordings of their own
)

// Permission names one thing a role may do.
type Permission string

// The permissions. None of them reaches what belongs to somebody else: every
// read and write of recordings is scoped by owner besides.
const (
	ReadTranscriptions  Permission = "transcriptions:read"
	WriteTranscriptions Permission = "transcriptions:write"
	Prioritize          Permission = "transcriptions:prioritize" // go before everybody else's
	WatchQueues         Permission = "queues:watch"
	ManageQueues        Permission = "queues:manage" // pause and resume
	ManageUsers         Permission = "users:manage"
)

// grants is the table of roles and permissions. The migration that fills the
// tables of the same name says the same.
var grants = map[Role][]Permission{
	Admin:  {ReadTranscriptions, WriteTranscriptions, Prioritize, WatchQueues, ManageQueues, ManageUsers},
	Member: {ReadTranscriptions, WriteTranscriptions},
}

// Grants returns the permissions of every role, for whoever keeps them in a
// database and has to agree with this package.
func Grants() map[Role][]Permission {
	table := make(map[Role][]Permission, len(grants))
	for role, permissions := range grants {
		table[role] = slices.Clone(permissions)
	}
	return table
}

// Can reports whether the role has the permission. A role that is not known can
// do nothing.
func (r Role) Can(p Permission) bool { return slices.Contains(grants[r], p) }

// errNobody is what the zero Actor is told.
var errNobody = fault.New(fault.Unauthenticated, "Sign in to continue.")

// Actor is whoever makes a request. The zero Actor is nobody.
type Actor struct {
	UserID    uuid.UUID
	Email     string
	Role      Role
	SessionID uuid.UUID // the sign-in, the same over all its refreshes
	Expires   time.Time // when the actor has to prove again who that is; zero: never
}

// Can reports whether the actor has the permission.
func (a Actor) Can(p Permission) bool { return a.UserID != uuid.Nil && a.Role.Can(p) }

// SignedIn returns nil when the actor is somebody and an Unauthenticated fault
// otherwise.
func (a Actor) SignedIn() error {
	if a.UserID == uuid.Nil {
		return errNobody
	}
	return nil
}

// Require returns nil when the actor has the permission, an Unauthenticated
// fault when nobody is signed in and a Forbidden one otherwise.
func (a Actor) Require(p Permission) error {
	if err := a.SignedIn(); err != nil {
		return err
	}
	if !a.Role.Can(p) {
		return fault.New(fault.Forbidden, "Your account may not do this. Ask an administrator of this installation.").
			With("permission", string(p))
	}
	return nil
}
