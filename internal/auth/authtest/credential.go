package authtest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

var errNoTicket = fault.New(fault.NotFound, "There is no such ticket.")

// CreateTicket implements auth.CredentialStore.
func (s *Store) CreateTicket(_ context.Context, t auth.Ticket) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tickets = slices.DeleteFunc(s.tickets, func(old auth.Ticket) bool { return old.UserID == t.UserID && old.ExpiresAt.Before(t.CreatedAt) })
	s.tickets = append(s.tickets, t)
	return nil
}

// Ticket implements auth.CredentialStore.
func (s *Store) Ticket(_ context.Context, hash auth.TokenHash, p auth.Purpose) (*auth.Ticket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tickets {
		if t.Hash == hash && t.Purpose == p {
			return &t, nil
		}
	}
	return nil, errNoTicket
}

func (s *Store) hasTicket(user uuid.UUID, hash auth.TokenHash) bool {
	return slices.ContainsFunc(s.tickets, func(t auth.Ticket) bool { return t.Hash == hash && t.UserID == user })
}

// dropTickets makes all tickets of a user useless, those too that a waiting mail would make
// for another address.
func (s *Store) dropTickets(u auth.User) {
	s.tickets = slices.DeleteFunc(s.tickets, func(t auth.Ticket) bool { return t.UserID == u.ID })
	s.mails = slices.DeleteFunc(s.mails, func(m *mail) bool {
		return m.UserID == u.ID && m.To != u.Email && m.Kind == auth.VerificationMail && m.finished.IsZero()
	})
}

// ChangePassword implements auth.CredentialStore.
func (s *Store) ChangePassword(_ context.Context, c auth.PasswordChange) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[c.UserID]
	if !ok || u.PasswordHash != c.Old {
		return fault.New(fault.Conflict, "The password was changed at this moment.").WithCode("password_changed")
	}
	if c.Ticket != nil && !s.hasTicket(c.UserID, *c.Ticket) {
		return errNoTicket
	}
	if c.Ticket != nil && u.VerifiedAt.IsZero() {
		u.VerifiedAt = c.At
	}
	if c.Ticket != nil {
		u.OwnedAt = c.At
	}
	u.PasswordHash = c.New
	u.Generation++
	s.users[u.ID] = u
	s.dropTickets(u)
	s.end(c.At, func(session auth.Session) bool { return session.UserID == u.ID && session.FamilyID != c.Keep })
	if c.Keys {
		if err := s.dropKeys(u.ID, c.Entry); err != nil {
			return err
		}
	}
	if c.Ticket != nil {
		if err := s.dropIdentities(u.ID, c.Entry); err != nil {
			return err
		}
	}
	return s.addEntry(c.Entry)
}

// dropKeys ends all keys of a user, with an entry for each.
func (s *Store) dropKeys(user uuid.UUID, e auth.Entry) error {
	e.Action = auth.KeyRevoked
	for _, k := range s.keysOf(user) {
		delete(s.keys, k.ID)
		e.Details = k.Facts()
		if err := s.addEntry(e); err != nil {
			return err
		}
	}
	return nil
}

// dropIdentities is dropKeys for ways in by providers.
func (s *Store) dropIdentities(user uuid.UUID, e auth.Entry) error {
	e.Action = auth.IdentityUnlinked
	for _, i := range s.identitiesOf(user) {
		delete(s.identities, i.IdentityKey)
		e.Details = i.Facts()
		if err := s.addEntry(e); err != nil {
			return err
		}
	}
	return nil
}

// VerifyEmail implements auth.CredentialStore.
func (s *Store) VerifyEmail(_ context.Context, v auth.Verification) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := v.Ticket
	if !s.hasTicket(t.UserID, t.Hash) {
		return errNoTicket
	}
	for _, other := range s.users {
		if other.Email == t.Email && other.ID != t.UserID {
			return fault.New(fault.Conflict, "There is another account with that address by now.").WithCode("email_taken").With("field", "email")
		}
	}
	u := s.users[t.UserID]
	changed := u.Email != t.Email
	u.Email, u.VerifiedAt = t.Email, v.At
	switch {
	case v.Owned:
		u.OwnedAt = v.At
	case changed:
		u.OwnedAt = time.Time{}
	}
	s.users[u.ID] = u
	s.tickets = slices.DeleteFunc(s.tickets, func(other auth.Ticket) bool { return other.Hash == t.Hash })
	if changed {
		s.dropTickets(u)
	}
	return s.addEntry(v.Entry)
}

type mail struct {
	auth.Mail
	next     time.Time
	finished time.Time
}

// QueueMail implements auth.MailStore.
func (s *Store) QueueMail(_ context.Context, m auth.Mail) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	lately := 0
	for _, other := range s.mails {
		if other.To != m.To || other.Kind != m.Kind {
			continue
		}
		if other.finished.IsZero() {
			return nil
		}
		if other.CreatedAt.After(m.CreatedAt.Add(-time.Hour)) {
			lately++
		}
	}
	if lately < auth.MailsPerHour {
		s.mails = append(s.mails, &mail{Mail: m, next: m.CreatedAt})
	}
	return nil
}

// ClaimMail implements auth.MailStore.
func (s *Store) ClaimMail(_ context.Context, now time.Time, again func(attempts int) time.Time) (*auth.Mail, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	due := slices.DeleteFunc(slices.Clone(s.mails), func(m *mail) bool { return !m.finished.IsZero() || m.next.After(now) })
	if len(due) == 0 {
		return nil, fault.New(fault.NotFound, "No mail is due.")
	}
	m := slices.MinFunc(due, func(a, b *mail) int { return cmp.Or(a.next.Compare(b.next), cmp.Compare(a.ID.String(), b.ID.String())) })
	m.next = again(m.Attempts)
	m.Attempts++
	claimed := m.Mail
	return &claimed, nil
}

// FinishMail implements auth.MailStore.
func (s *Store) FinishMail(_ context.Context, id uuid.UUID, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.mails {
		if m.ID == id {
			m.finished = at
		}
	}
	s.mails = slices.DeleteFunc(s.mails, func(m *mail) bool { return !m.finished.IsZero() && m.CreatedAt.Before(at.Add(-time.Hour)) })
	return nil
}
