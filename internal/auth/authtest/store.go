// Package authtest holds a store of accounts in memory, and the suite that it
// and every other store have to pass.
package authtest

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

var _ auth.Store = (*Store)(nil)

// Roles is what the roles of every installation may do.
var Roles = map[auth.Role][]auth.Permission{
	auth.Admin: {
		auth.ReadAudit, auth.ManageQueues, auth.WatchQueues, auth.Prioritize, auth.ReadTranscriptions, auth.WriteTranscriptions,
		auth.ManageUsers, auth.ReadUsers,
	},
	auth.Operator: {auth.ManageQueues, auth.WatchQueues, auth.ReadTranscriptions, auth.WriteTranscriptions, auth.ReadUsers},
	auth.Member:   {auth.ReadTranscriptions, auth.WriteTranscriptions},
	auth.Viewer:   {auth.ReadTranscriptions},
}

// Actor returns somebody of that role who has just signed in.
func Actor(user uuid.UUID, r auth.Role) auth.Actor {
	return auth.Actor{UserID: user, Role: r, Permissions: Roles[r], Since: time.Now()}
}

// Store is an auth.Store in memory. Its zero value is empty and ready.
type Store struct {
	mu       sync.Mutex
	users    map[uuid.UUID]auth.User
	sessions map[uuid.UUID]auth.Session
	tickets  []auth.Ticket
	mails    []*mail
	roles    map[auth.Role][]auth.Permission // besides Roles
	entries  []auth.Entry
	keys     map[uuid.UUID]auth.Key
	factors  map[uuid.UUID]*factor // by user

	identities map[auth.IdentityKey]auth.Identity
	handshakes map[auth.TokenHash]time.Time // that were finished, with when they expire
}

// AddRole makes a role that not every installation has.
func (s *Store) AddRole(r auth.Role, may ...auth.Permission) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roles == nil {
		s.roles = map[auth.Role][]auth.Permission{}
	}
	s.roles[r] = may
}

// permissions returns what a role may do, and whether there is such a role.
func (s *Store) permissions(r auth.Role) ([]auth.Permission, bool) {
	if may, ok := s.roles[r]; ok {
		return may, true
	}
	may, ok := Roles[r]
	return may, ok
}

// CreateUser implements auth.Store.
func (s *Store) CreateUser(_ context.Context, u *auth.User) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.createUser(u)
}

func (s *Store) createUser(u *auth.User) error {
	for _, other := range s.users {
		if other.Email == u.Email {
			return fault.New(fault.Conflict, "There is an account of that address already. Sign in instead.").
				WithCode("email_taken").With("field", "email")
		}
	}
	if s.users == nil {
		s.users = map[uuid.UUID]auth.User{}
	}
	s.users[u.ID] = *u
	return nil
}

// User implements auth.Store.
func (s *Store) User(_ context.Context, id uuid.UUID) (*auth.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[id]
	if !ok {
		return nil, errNoUser
	}
	u = s.withFactor(u)
	return &u, nil
}

// UserByEmail implements auth.Store.
func (s *Store) UserByEmail(_ context.Context, email string) (*auth.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if u.Email == email {
			u = s.withFactor(u)
			return &u, nil
		}
	}
	return nil, errNoUser
}

// Rights implements auth.Store.
func (s *Store) Rights(_ context.Context, user, session uuid.UUID) (auth.Rights, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[user]
	if !ok {
		return auth.Rights{}, errNoUser
	}
	may, _ := s.permissions(u.Role)
	var until time.Time
	for _, other := range s.sessions {
		if other.FamilyID == session && other.UserID == user && alive(other) {
			until = other.ExpiresAt
		}
	}
	return auth.Rights{Email: u.Email, Role: u.Role, Permissions: slices.Clone(may), Disabled: u.Disabled(), Until: until, Factor: s.confirmed(user) != nil, Generation: u.Generation}, nil
}

// Roles implements auth.Store.
func (s *Store) Roles(context.Context) ([]auth.Role, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(Roles)), nil
}

// Users implements auth.Store.
func (s *Store) Users(_ context.Context, f auth.UserFilter) ([]auth.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.SortedFunc(maps.Values(s.users), func(a, b auth.User) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	page := []auth.User{}
	for _, u := range all {
		if len(page) < f.Limit && fits(u, f) {
			page = append(page, s.withFactor(u))
		}
	}
	return page, nil
}

func fits(u auth.User, f auth.UserFilter) bool {
	return strings.Contains(u.Email, f.Email) &&
		(f.Role == "" || u.Role == f.Role) &&
		(f.Disabled == nil || u.Disabled() == *f.Disabled) &&
		(f.Before == uuid.Nil || bytes.Compare(u.ID[:], f.Before[:]) < 0)
}

// ChangeUser implements auth.Store.
func (s *Store) ChangeUser(_ context.Context, id uuid.UUID, c auth.UserChange, by auth.Entry) (*auth.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.users[id]
	if !ok {
		return nil, errNoUser
	}
	u := c.Apply(s.withFactor(old))
	if _, ok := s.permissions(u.Role); !ok {
		return nil, fault.New(fault.Invalid, "There is no such role.").WithCode("unknown_role").With("field", "role")
	}
	if (u.Role != auth.Admin || u.Disabled()) && s.lastAdmin(old) {
		return nil, fault.New(fault.Conflict, "That is the last administrator.").WithCode("last_admin")
	}
	for _, e := range c.Entries(by, &old) {
		if err := s.addEntry(e); err != nil {
			return nil, err
		}
	}
	if u.Disabled() || old.Disabled() {
		s.end(c.At, func(session auth.Session) bool { return session.UserID == id })
	}
	s.users[id] = u
	return &u, nil
}

// lastAdmin reports whether nobody but u could administer the installation.
func (s *Store) lastAdmin(u auth.User) bool {
	if u.Role != auth.Admin || u.Disabled() {
		return false
	}
	for _, other := range s.users {
		if other.ID != u.ID && other.Role == auth.Admin && !other.Disabled() {
			return false
		}
	}
	return true
}

// SetPasswordHash implements auth.Store.
func (s *Store) SetPasswordHash(_ context.Context, id uuid.UUID, old, hash string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, ok := s.users[id]; ok && u.PasswordHash == old {
		u.PasswordHash = hash
		s.users[id] = u
	}
	return nil
}

// DeleteUser removes a user with all sessions, as an administrator would.
func (s *Store) DeleteUser(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.users, id)
	delete(s.factors, id)
	s.forget(id)
	maps.DeleteFunc(s.identities, func(_ auth.IdentityKey, i auth.Identity) bool { return i.UserID == id })
	maps.DeleteFunc(s.keys, func(_ uuid.UUID, k auth.Key) bool { return k.UserID == id })
	for _, session := range s.sessions {
		if session.UserID == id {
			delete(s.sessions, session.ID)
		}
	}
}

// CreateSession implements auth.Store.
func (s *Store) CreateSession(_ context.Context, session *auth.Session, generation int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, ok := s.users[session.UserID]; ok && u.Generation != generation {
		return fault.New(fault.Conflict, "The password was changed at this moment.").WithCode("password_changed")
	}
	return s.insert(session)
}

func (s *Store) insert(session *auth.Session) error {
	if _, ok := s.users[session.UserID]; !ok {
		return errNoUser
	}
	for _, other := range s.sessions {
		if other.TokenHash == session.TokenHash {
			return fault.New(fault.Conflict, "That session exists.")
		}
	}
	if s.sessions == nil {
		s.sessions = map[uuid.UUID]auth.Session{}
	}
	s.sessions[session.ID] = *session
	return nil
}

// SessionByToken implements auth.Store.
func (s *Store) SessionByToken(_ context.Context, hash auth.TokenHash) (*auth.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, session := range s.sessions {
		if session.TokenHash == hash {
			return &session, nil
		}
	}
	return nil, fault.New(fault.NotFound, "There is no such session.")
}

// RotateSession implements auth.Store.
func (s *Store) RotateSession(_ context.Context, id uuid.UUID, next *auth.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.sessions[id]
	if !ok || !old.ReplacedAt.IsZero() || !old.RevokedAt.IsZero() {
		return fault.New(fault.Conflict, "That session was replaced or ended before.")
	}
	if err := s.insert(next); err != nil {
		return err
	}
	old.ReplacedAt = next.CreatedAt
	s.sessions[id] = old
	return nil
}

// RevokeFamily implements auth.Store.
func (s *Store) RevokeFamily(_ context.Context, family uuid.UUID, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(at, func(session auth.Session) bool { return session.FamilyID == family })
	return nil
}

// SignIns implements auth.Store.
func (s *Store) SignIns(_ context.Context, user uuid.UUID, f auth.SignInFilter) ([]auth.SignIn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []auth.SignIn
	for _, session := range s.sessions {
		after := auth.SignIn{ID: f.After.ID, BeganAt: f.After.CreatedAt}
		in := auth.SignIn{ID: session.FamilyID, BeganAt: session.BeganAt, UsedAt: session.CreatedAt, ExpiresAt: session.ExpiresAt, Client: session.Client}
		if session.UserID == user && alive(session) && session.ExpiresAt.After(f.Now) && (f.After == auth.Cursor{} || newestFirst(after, in) < 0) {
			found = append(found, in)
		}
	}
	slices.SortFunc(found, newestFirst)
	return found[:min(len(found), int(f.Limit))], nil
}

// alive reports whether a session is the newest of a family that was not revoked.
func alive(s auth.Session) bool { return s.ReplacedAt.IsZero() && s.RevokedAt.IsZero() }

func newestFirst(a, b auth.SignIn) int {
	return cmp.Or(b.BeganAt.Compare(a.BeganAt), bytes.Compare(b.ID[:], a.ID[:]))
}

// EndSignIn implements auth.Store.
func (s *Store) EndSignIn(_ context.Context, user, family uuid.UUID, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.end(at, func(session auth.Session) bool { return session.UserID == user && session.FamilyID == family })
	if n == 0 {
		return fault.New(fault.NotFound, "There is no such sign-in.")
	}
	return nil
}

// EndSignIns implements auth.Store.
func (s *Store) EndSignIns(_ context.Context, user, except uuid.UUID, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(at, func(session auth.Session) bool { return session.UserID == user && session.FamilyID != except })
	return nil
}

// end revokes the sessions that match and returns how many those were.
func (s *Store) end(at time.Time, matches func(auth.Session) bool) (n int) {
	for id, session := range s.sessions {
		if matches(session) && session.RevokedAt.IsZero() {
			session.RevokedAt = at
			s.sessions[id] = session
			n++
		}
	}
	return n
}

// Sessions returns how many sessions there are, replaced and revoked ones too.
func (s *Store) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

var errNoUser = fault.New(fault.NotFound, "There is no such account.")
