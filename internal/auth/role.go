package auth

import (
	"slices"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Role names what a person is to this installation. Roles are rows of the
// database, which also says what each of them may do.
type Role string

// The roles that every installation has. What they may do is in the migrations.
const (
	Admin    Role = "admin"    // runs the installation
	Operator Role = "operator" // keeps the queues going
	Member   Role = "user"     // has recordings of their own
	Viewer   Role = "viewer"   // reads what they have
)

// Permission names one thing a role may do.
type Permission string

// The permissions. None of them reaches the recordings of somebody else, unless these have
// shared them: every read and write of those is scoped by owner besides.
const (
	ReadTranscriptions  Permission = "transcriptions:read"
	WriteTranscriptions Permission = "transcriptions:write"
	Prioritize          Permission = "transcriptions:prioritize" // go before everybody else's
	WatchQueues         Permission = "queues:watch"
	ManageQueues        Permission = "queues:manage" // pause and resume
	ReadUsers           Permission = "users:read"
	ManageUsers         Permission = "users:manage" // roles, quotas, disabling
	ReadAudit           Permission = "audit:read"
)

// Can reports whether the actor has the permission.
func (a Actor) Can(p Permission) bool {
	return a.ID() != uuid.Nil && !a.Enrolling && slices.Contains(a.Permissions, p)
}

// Require returns nil when the actor has the permission, an Unauthenticated
// fault when it is nobody and a Forbidden one otherwise.
func (a Actor) Require(p Permission) error {
	if a.Can(p) {
		return nil
	}
	if a.LinkID != uuid.Nil {
		return fault.New(fault.Forbidden, "This link is for reading only. Ask whoever has sent it for one to edit.").WithCode("read_only")
	}
	if err := a.SignedIn(); err != nil {
		return err
	}
	if a.KeyID != uuid.Nil {
		return fault.New(fault.Forbidden, "This API key may not do this: it was made without the scope %s, or its owner may not do it either.", p).
			With("permission", string(p))
	}
	return fault.New(fault.Forbidden, "Your account may not do this. Ask an administrator of this installation.").
		With("permission", string(p))
}
