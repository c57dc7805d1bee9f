package auth

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Purpose names the one thing that a ticket is good for.
type Purpose string

// The purposes.
const (
	ResetPassword Purpose = "reset"
	VerifyEmail   Purpose = "verify"
)

// lifetimes are how long tickets are good.
var lifetimes = map[Purpose]time.Duration{ResetPassword: 30 * time.Minute, VerifyEmail: 24 * time.Hour}

// Ticket lets whoever holds its token do one thing, once. The token is sent by mail and
// kept nowhere.
type Ticket struct {
	Hash      TokenHash // of the token; unique
	UserID    uuid.UUID
	Purpose   Purpose
	Email     string // the address that it was sent to, and that it proves
	CreatedAt time.Time
	ExpiresAt time.Time
}

// PasswordChange is a new password of a user.
type PasswordChange struct {
	UserID uuid.UUID
	Old    string // the hash that it replaces
	New    string // its hash
	At     time.Time
	Keep   uuid.UUID  // the sign-in that does not end; zero: all end
	Keys   bool       // the API keys end, too
	Ticket *TokenHash // that allows it and is used up; nil: none is needed
	Entry  Entry      // those of each key and each identity that end are like it
}

// Verification makes the address of a ticket the verified one of its user.
type Verification struct {
	Ticket
	At    time.Time
	Owned bool // they have proved to know the password as well
	Entry Entry
}

// CredentialStore keeps what people sign in with.
type CredentialStore interface {
	// ChangePassword changes it, ends sign-ins and, if asked to, API keys, makes every ticket of the user useless,
	// forgets waiting VerificationMails of theirs to other addresses, and moves the
	// generation on, all or nothing. With a ticket the user's address is verified besides, the
	// account is Owned, and their identities end.
	// Conflict: Old is not the hash any more. NotFound: the ticket is gone.
	ChangePassword(ctx context.Context, c PasswordChange) error
	// CreateTicket inserts a ticket and forgets those of the user that expired before it.
	CreateTicket(ctx context.Context, t Ticket) error
	// Ticket returns a ticket, one that has expired too. NotFound: none of that purpose
	// has that hash.
	Ticket(ctx context.Context, hash TokenHash, p Purpose) (*Ticket, error)
	// VerifyEmail makes the address of a ticket the verified one of its user and uses the
	// ticket up; where that is another address than before, all their other tickets and
	// such mails too, and the account is not Owned any more unless v says so.
	// NotFound: it is gone. Conflict email_taken: somebody else has the address by now.
	VerifyEmail(ctx context.Context, v Verification) error
}

// issue makes a ticket and returns its token.
func (s *Service) issue(ctx context.Context, u *User, p Purpose, email string) (string, error) {
	token, err := s.newToken()
	if err != nil {
		return "", err
	}
	now := s.now()
	t := Ticket{Hash: hashToken(token), UserID: u.ID, Purpose: p, Email: email, CreatedAt: now, ExpiresAt: now.Add(lifetimes[p])}
	return token, s.store.CreateTicket(ctx, t)
}

// ticket returns the one of a token while it is good. Invalid ticket_invalid.
func (s *Service) ticket(ctx context.Context, token string, p Purpose) (*Ticket, error) {
	t, err := s.store.Ticket(ctx, hashToken(token), p)
	if fault.Is(err, fault.NotFound) {
		return nil, ticketInvalid(err)
	}
	if err != nil {
		return nil, err
	}
	if !s.now().Before(t.ExpiresAt) {
		return nil, ticketInvalid(nil)
	}
	return t, nil
}

// spent says of a ticket that was used meanwhile what is said of any other.
func spent(err error) error {
	if fault.Is(err, fault.NotFound) {
		return ticketInvalid(err)
	}
	return err
}

func ticketInvalid(err error) error {
	return fault.Wrap(err, fault.Invalid, "That code is not valid: it was used before, is too old, or was not copied as a whole. Ask for another mail.").
		WithCode("ticket_invalid").With("field", "token")
}
