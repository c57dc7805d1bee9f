package auth

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// UserFilter narrows the list of accounts.
type UserFilter struct {
	Email    string    // a part of the address; empty: all
	Role     Role      // empty: all
	Disabled *bool     // nil: all
	Before   uuid.UUID // only accounts older than that of this id; zero: from the newest
	Limit    int       // 1–MaxPage
}

// UserChange is what is to become of an account. What is nil stays as it is.
type UserChange struct {
	At       time.Time
	Role     *Role
	Disabled *bool
}

// Entries returns what the audit log has to tell of the change of u. By has who did it.
func (c UserChange) Entries(by Entry, u *User) (found []Entry) {
	add := func(a Action, details map[string]any) {
		e := by
		e.Action, e.SubjectID, e.Details = a, u.ID, details
		found = append(found, e)
	}
	if c.Role != nil && *c.Role != u.Role {
		add(RoleChanged, map[string]any{"from": string(u.Role), "to": string(*c.Role)})
	}
	if c.Disabled != nil && *c.Disabled != u.Disabled() {
		add(map[bool]Action{true: AccountDisabled, false: AccountEnabled}[*c.Disabled], nil)
	}
	return found
}

// Apply returns u as it is after the change.
func (c UserChange) Apply(u User) User {
	if c.Role != nil {
		u.Role = *c.Role
	}
	if c.Disabled == nil || *c.Disabled == u.Disabled() {
		return u
	}
	u.DisabledAt = time.Time{}
	if *c.Disabled {
		u.DisabledAt = c.At
	}
	return u
}

// Users returns a page of the accounts, newest first. Forbidden: the caller may not see
// them.
func (s *Service) Users(ctx context.Context, who Actor, f UserFilter) ([]User, error) {
	if err := who.Require(ReadUsers); err != nil {
		return nil, err
	}
	if err := checkLimit(f.Limit); err != nil {
		return nil, err
	}
	f.Email = strings.ToLower(strings.TrimSpace(f.Email))
	return s.store.Users(ctx, f)
}

// User returns an account. NotFound: there is none of that id.
func (s *Service) User(ctx context.Context, who Actor, id uuid.UUID) (*User, error) {
	if err := who.Require(ReadUsers); err != nil {
		return nil, err
	}
	return s.store.User(ctx, id)
}

// ChangeUser changes an account and returns it as it is then. Who is disabled is signed
// out everywhere, at once here and in two seconds in other processes. NotFound: there is
// none of that id. Invalid unknown_role. Conflict last_admin: nobody would be left to
// administer the installation.
func (s *Service) ChangeUser(ctx context.Context, who Actor, id uuid.UUID, c UserChange) (*User, error) {
	if err := who.Require(ManageUsers); err != nil {
		return nil, err
	}
	if err := who.InPerson(); err != nil {
		return nil, err
	}
	if c.Role != nil && *c.Role == "" {
		return nil, fault.New(fault.Invalid, "Name a role.").WithCode("unknown_role").With("field", "role")
	}
	return s.change(ctx, who.UserID, id, c)
}

func (s *Service) change(ctx context.Context, by, id uuid.UUID, c UserChange) (*User, error) {
	c.At = s.now()
	u, err := s.store.ChangeUser(ctx, id, c, origin(ctx, Entry{UserID: by}))
	if err != nil {
		return nil, err
	}
	s.rights.forget(id)
	return u, nil
}
