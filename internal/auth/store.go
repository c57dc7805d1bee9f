package auth

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/google/uuid"
)

// User is a person with an account.
type User struct {
	ID           uuid.UUID
	Email        string // normalised; unique
	PasswordHash string // a PHC string; empty: they have no password
	Role         Role
	CreatedAt    time.Time
	DisabledAt   time.Time // zero: they may sign in
	Quota        Quota
	VerifiedAt   time.Time // zero: nobody knows whether the address is theirs
	OwnedAt      time.Time // when who has the address has proved to have the rest, too; zero: see Owned
	Generation   int       // counts the changes of what signing in rests on, by which sign-ins end

	FactorSince   time.Time // when a second factor was added; zero: they have none
	RecoveryCodes int       // that are left
}

// HasFactor reports whether they need more than their password to sign in.
func (u *User) HasFactor() bool { return !u.FactorSince.IsZero() }

// Verified reports whether the person has proved that the address is theirs.
func (u *User) Verified() bool { return !u.VerifiedAt.IsZero() }

// Owned reports whether it is known that the address and the password are the same person's.
// Otherwise somebody may have opened the account with the address of another, who has
// confirmed it since without a second thought.
func (u *User) Owned() bool { return !u.OwnedAt.IsZero() }

// Disabled reports whether an administrator keeps the person out.
func (u *User) Disabled() bool { return !u.DisabledAt.IsZero() }

// TokenHash is the SHA-256 of a refresh token. The token itself is kept nowhere.
type TokenHash [sha256.Size]byte

// Session is one refresh token of a sign-in. Every refresh replaces it with the
// next one of the same family.
type Session struct {
	ID         uuid.UUID
	FamilyID   uuid.UUID // the sign-in it belongs to
	UserID     uuid.UUID
	TokenHash  TokenHash // unique
	CreatedAt  time.Time
	ExpiresAt  time.Time
	ReplacedAt time.Time // zero while it is the newest of its family
	RevokedAt  time.Time // zero while the family lives
	BeganAt    time.Time // when the family did
	Client               // that was given the token
}

// SignInFilter says which living sign-ins of a user are asked for.
type SignInFilter struct {
	Now   time.Time // those that expire later
	After Cursor    // those that began before
	Limit int64
}

// Store keeps users and their sessions. Times come from the caller, never from
// the store's own clock.
type Store interface {
	AuditStore
	KeyStore
	CredentialStore
	MailStore
	IdentityStore
	FactorStore

	// CreateUser inserts a user. Conflict email_taken: somebody has that address.
	CreateUser(ctx context.Context, u *User) error
	// User returns a user. NotFound: there is none of that id.
	User(ctx context.Context, id uuid.UUID) (*User, error)
	// UserByEmail returns the user of a normalised address. NotFound: there is none.
	UserByEmail(ctx context.Context, email string) (*User, error)
	// Rights returns what holds for a user and the sign-in of that id. A sign-in that
	// is not known has ended. NotFound: there is no such user.
	Rights(ctx context.Context, user, session uuid.UUID) (Rights, error)
	// Roles returns the names of all roles.
	Roles(ctx context.Context) ([]Role, error)
	// Users returns a page of users, newest first.
	Users(ctx context.Context, f UserFilter) ([]User, error)
	// ChangeUser changes a user and returns them as they are then. It adds c.Entries to
	// the audit log, and ends every sign-in of who is disabled, or was: one that began at
	// the moment of being disabled shall not come back to life. NotFound: there is none of
	// that id. Invalid unknown_role. Conflict last_admin: it is the last administrator
	// who is not disabled.
	ChangeUser(ctx context.Context, id uuid.UUID, c UserChange, by Entry) (*User, error)
	// SetPasswordHash replaces the hash if it still is old; when it is not, the
	// password was changed meanwhile and nothing happens.
	SetPasswordHash(ctx context.Context, id uuid.UUID, old, hash string) error

	// CreateSession inserts the first session of a family. Conflict: the generation of
	// the user is another by now, so what they have signed in with is.
	CreateSession(ctx context.Context, s *Session, generation int) error
	// SessionByToken returns a session, replaced and revoked ones too. NotFound:
	// no session has that hash.
	SessionByToken(ctx context.Context, hash TokenHash) (*Session, error)
	// RotateSession marks the session of that id as replaced at next.CreatedAt and
	// inserts next, both or neither. Conflict: it was replaced or revoked before.
	RotateSession(ctx context.Context, id uuid.UUID, next *Session) error
	// RevokeFamily revokes every session of the family that is not revoked yet,
	// also one that a RotateSession is inserting at this moment. Revoking a family
	// twice, or one that is gone, is no error.
	RevokeFamily(ctx context.Context, family uuid.UUID, at time.Time) error
	// SignIns returns the living families of a user, those that began last first.
	SignIns(ctx context.Context, user uuid.UUID, f SignInFilter) ([]SignIn, error)
	// EndSignIn revokes a family as RevokeFamily does. NotFound: it is none of the
	// user's, or has been revoked.
	EndSignIn(ctx context.Context, user, family uuid.UUID, at time.Time) error
	// EndSignIns revokes all families of a user but one.
	EndSignIns(ctx context.Context, user, except uuid.UUID, at time.Time) error
}
