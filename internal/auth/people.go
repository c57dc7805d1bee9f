package auth

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Quota is what an administrator has given an account. What is nil is as for everybody,
// 0 is no bound.
type Quota struct {
	Bytes   *int64 // of recordings that are stored
	Minutes *int64 // of sound, a month
	Active  *int64 // transcriptions on their way
}

// The largest quotas: more than anybody has, and little enough to reckon with.
const (
	maxBytes   = 1_000_000_000_000_000
	maxMinutes = 100_000_000
	maxActive  = 1_000_000_000
)

func (q Quota) check() error {
	for _, c := range []struct {
		name string
		n    *int64
		most int64
	}{{"bytes", q.Bytes, maxBytes}, {"minutes", q.Minutes, maxMinutes}, {"active", q.Active, maxActive}} {
		if c.n != nil && (*c.n < 0 || *c.n > c.most) {
			return fault.New(fault.Invalid, "The quota of %s must be 0, for no bound, to %d, or null for what everybody has.", c.name, c.most).
				WithCode("invalid_quota").With("field", "quota."+c.name)
		}
	}
	return nil
}

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
	Quota    *Quota
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
	if c.Quota != nil {
		add(QuotaChanged, nil)
	}
	return found
}

// Apply returns u as it is after the change.
func (c UserChange) Apply(u User) User {
	if c.Role != nil {
		u.Role = *c.Role
	}
	if c.Quota != nil {
		u.Quota = *c.Quota
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
// none of that id. Forbidden recent_sign_in_required, for a role. Invalid unknown_role,
// invalid_quota. Conflict last_admin: nobody would be left to administer the installation.
func (s *Service) ChangeUser(ctx context.Context, who Actor, id uuid.UUID, c UserChange) (*User, error) {
	if err := who.Require(ManageUsers); err != nil {
		return nil, err
	}
	if err := who.InPerson(); err != nil {
		return nil, err
	}
	if c.Role != nil {
		if err := s.RequireRecent(who); err != nil {
			return nil, err
		}
	}
	if c.Role != nil && *c.Role == "" {
		return nil, fault.New(fault.Invalid, "Name a role.").WithCode("unknown_role").With("field", "role")
	}
	if c.Quota != nil {
		if err := c.Quota.check(); err != nil {
			return nil, err
		}
	}
	return s.change(ctx, who.UserID, id, c)
}

func (s *Service) change(ctx context.Context, by, id uuid.UUID, c UserChange) (*User, error) {
	c.At = s.now()
	u, err := s.store.ChangeUser(ctx, id, c, Entry{UserID: by}.From(ctx))
	if err != nil {
		return nil, err
	}
	s.rights.forget(id)
	return u, nil
}
