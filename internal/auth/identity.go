package auth

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// IdentityKey is somebody as a provider knows them. The issuer is part of it: a name that
// is given to another provider one day must not give it the accounts of the first.
type IdentityKey struct {
	Provider string
	Issuer   string
	Subject  string
}

// Identity is a way into an account.
type Identity struct {
	IdentityKey
	UserID    uuid.UUID
	CreatedAt time.Time
	UsedAt    time.Time
}

// Facts returns what the audit log tells of an identity.
func (i *Identity) Facts() map[string]any { return map[string]any{"provider": i.Provider} }

// IdentityRemoval takes a way in from a user.
type IdentityRemoval struct {
	UserID   uuid.UUID
	Provider string
	Others   []string // providers that let people in
	Entry    Entry
}

// IdentityStore keeps who is who elsewhere.
type IdentityStore interface {
	// SpendHandshake has a handshake not finished a second time, by whatever process.
	// Conflict: it was finished before.
	SpendHandshake(ctx context.Context, state TokenHash, now, expires time.Time) error
	// UseIdentity records that an identity was used and returns whose it is. NotFound: it
	// is nobody's.
	UseIdentity(ctx context.Context, k IdentityKey, at time.Time) (*User, error)
	// Identities returns those of a user, by name of provider.
	Identities(ctx context.Context, user uuid.UUID) ([]Identity, error)
	// CreateUserWith inserts a user who has no password with their way in, and adds the
	// entry to the audit log. Conflict email_taken, identity_taken.
	CreateUserWith(ctx context.Context, u *User, i Identity, e Entry) error
	// AddIdentity adds a way in, and an entry to the audit log. Conflict identity_taken:
	// it is somebody's already; identity_exists: the user has another of that provider;
	// password_changed: the generation of the user is another by now. NotFound: there is no
	// such user.
	AddIdentity(ctx context.Context, i Identity, generation int, e Entry) error
	// RemoveIdentity removes a user's identity of a provider, and adds an entry to the
	// audit log. NotFound: there is none. Conflict last_way_in: the user has no password,
	// and no identity of the others.
	RemoveIdentity(ctx context.Context, r IdentityRemoval) error
	// HandOver makes an identity the one way into an account: its password, keys, other
	// identities, sign-ins and tickets end, and it is Owned. It adds e and an entry of each
	// key and identity that ends to the audit log. Conflict identity_taken;
	// password_changed: the generation of the user is another by now.
	HandOver(ctx context.Context, i Identity, generation int, e Entry) error
}

// Handoff sends a browser to a provider.
type Handoff struct {
	URL     string
	Token   string // the browser has to come back with it
	Expires time.Time
}

// Arrival is what becomes of a browser that comes back from a provider.
type Arrival struct {
	Grant    *Grant // nil: an account was linked, and stays signed in
	ReturnTo string // a path of this installation
}

// BeginSignIn sends a browser to a provider to sign in. NotFound unknown_provider. Invalid
// invalid_return. Unavailable provider_unavailable.
func (s *Service) BeginSignIn(ctx context.Context, provider, returnTo string) (*Handoff, error) {
	return s.handOff(ctx, Actor{}, provider, returnTo)
}

// BeginLink sends the caller to a provider, to sign in by it from then on. The faults are
// those of BeginSignIn. Forbidden recent_sign_in_required: it was long ago that they have
// proved who they are.
func (s *Service) BeginLink(ctx context.Context, who Actor, provider, returnTo string) (*Handoff, error) {
	if err := s.RequireRecent(who); err != nil {
		return nil, err
	}
	return s.handOff(ctx, who, provider, returnTo)
}

func (s *Service) handOff(ctx context.Context, who Actor, provider, returnTo string) (*Handoff, error) {
	p, err := s.provider(provider)
	if err != nil {
		return nil, err
	}
	h, err := s.newHandshake(who, provider, returnTo)
	if err != nil {
		return nil, err
	}
	token, err := h.sign(s.keys[0])
	if err != nil {
		return nil, err
	}
	url, err := p.AuthURL(ctx, h.with(s.keys[0]))
	if err != nil {
		return nil, err
	}
	return &Handoff{URL: url, Token: token, Expires: h.ExpiresAt.UTC()}, nil
}

// Arrive finishes what BeginSignIn or BeginLink has begun, once, in the browser that has
// its token. Invalid handshake_invalid: it is another browser, or another time. NotFound
// unknown_provider. The faults of Provider. For who signs in: Forbidden account_disabled,
// email_unverified, registration_closed; Conflict link_required. For who links: Unauthenticated
// session_expired; Forbidden
// email_not_verified; Conflict identity_taken, identity_exists.
func (s *Service) Arrive(ctx context.Context, provider, token string, a ProviderAnswer) (*Arrival, error) {
	p, err := s.provider(provider)
	if err != nil {
		return nil, err
	}
	h, told, err := s.openHandshake(token, provider, a.State)
	if err != nil {
		return nil, err
	}
	if err := s.store.SpendHandshake(ctx, hashToken(h.ID), s.now(), h.ExpiresAt.Add(clockSkew).UTC()); err != nil {
		return nil, spentHandshake(err)
	}
	who, err := h.actor()
	if err != nil {
		return nil, err
	}
	claim, err := p.Identify(ctx, told, a)
	if err != nil {
		return nil, err
	}
	arrival := &Arrival{ReturnTo: h.ReturnTo}
	if who.UserID != uuid.Nil {
		return arrival, s.link(ctx, who, p, claim)
	}
	arrival.Grant, err = s.signInBy(ctx, p, claim, h.ReturnTo)
	return arrival, err
}

func spentHandshake(err error) error {
	if fault.Is(err, fault.Conflict) {
		return badHandshake(err)
	}
	return err
}

// link gives the caller another way in, if the sign-in that has asked for it still lasts.
// Who has registered the address of somebody else shall not keep a way in for the day on
// which that person takes the account over by mail.
func (s *Service) link(ctx context.Context, who Actor, p Provider, c Claim) error {
	who, err := s.entitle(ctx, who)
	if err != nil {
		return err
	}
	if err := who.InPerson(); err != nil {
		return err
	}
	u, err := s.store.User(ctx, who.UserID)
	if err != nil {
		return err
	}
	if email, err := NormaliseEmail(c.Email); !u.Verified() && (err != nil || !c.Verified || email != u.Email) {
		return fault.New(fault.Forbidden, "Nobody knows yet whether the address of your account is yours. Confirm it first, or link a provider that knows it as yours.").
			WithCode("email_not_verified")
	}
	u.Generation = who.generation // of the sign-in: what has ended it meanwhile ends this as well
	return s.addIdentity(ctx, u, p, c)
}

// addIdentity gives a user another way in, and tells them by mail.
func (s *Service) addIdentity(ctx context.Context, u *User, p Provider, c Claim) error {
	if err := s.store.AddIdentity(ctx, s.newIdentity(u.ID, p, c), u.Generation, s.identityEntry(ctx, IdentityLinked, u.ID, p.Name())); err != nil {
		return err
	}
	return s.notify(ctx, u, LinkNotice)
}

// signInBy signs in whom a provider tells of. It knows nothing of their second factor, so
// that is asked for here.
func (s *Service) signInBy(ctx context.Context, p Provider, c Claim, returnTo string) (*Grant, error) {
	u, err := s.store.UseIdentity(ctx, keyOf(p, c), s.now())
	if fault.Is(err, fault.NotFound) {
		u, err = s.welcome(ctx, p, c)
	}
	if err != nil {
		return nil, err
	}
	return s.admit(ctx, u, returnTo)
}

// welcome returns the account of somebody who comes from that provider for the first time:
// that of their address, or a new one.
func (s *Service) welcome(ctx context.Context, p Provider, c Claim) (*User, error) {
	email, err := NormaliseEmail(c.Email)
	if err != nil || !c.Verified {
		return nil, s.refuse(ctx, new(User), fault.New(fault.Forbidden, "%s does not say that your e-mail address is yours. Confirm it there, "+
			"or sign in another way and link %s then.", p.Label(), p.Label()).WithCode("email_unverified"))
	}
	u, err := s.store.UserByEmail(ctx, email)
	if fault.Is(err, fault.NotFound) {
		return s.createFor(ctx, email, p, c)
	}
	if err != nil {
		return nil, err
	}
	if !linkable(u) {
		return nil, s.refuse(ctx, u, fault.New(fault.Conflict, "There is an account with your e-mail address. Sign in to it as you do otherwise, "+
			"and link %s then.", p.Label()).WithCode("link_required"))
	}
	if !u.Owned() {
		return s.handOver(ctx, u, p, c)
	}
	return u, s.addIdentity(ctx, u, p, c)
}

// linkable reports whether an address is enough to be given another way into an account.
// Who has registered an address without having it waits for its owner to come and share
// the account. What administers an installation is worth more than an address, and so is a
// second factor of whoever it may be.
func linkable(u *User) bool {
	return u.Verified() && !u.Disabled() && u.Role != Admin && (u.Owned() || !u.HasFactor())
}

// handOver gives an account to whom a provider knows by its address: somebody else may have
// opened it, and waits with its password for the day on which they come.
func (s *Service) handOver(ctx context.Context, u *User, p Provider, c Claim) (*User, error) {
	if err := s.store.HandOver(ctx, s.newIdentity(u.ID, p, c), u.Generation, s.identityEntry(ctx, AccountHandedOver, u.ID, p.Name())); err != nil {
		return nil, err
	}
	s.rights.forget(u.ID)
	if err := s.notify(ctx, u, HandOverNotice); err != nil {
		return nil, err
	}
	return s.store.User(ctx, u.ID)
}

// createFor makes an account without a password.
func (s *Service) createFor(ctx context.Context, email string, p Provider, c Claim) (*User, error) {
	if s.closed {
		return nil, s.refuse(ctx, new(User), fault.New(fault.Forbidden, "You have no account here, and signing in by %s makes none. "+
			"Ask an administrator of this installation.", p.Label()).WithCode("registration_closed"))
	}
	id, err := s.newID()
	if err != nil {
		return nil, err
	}
	now := s.now()
	u := &User{ID: id, Email: email, Role: Member, CreatedAt: now, VerifiedAt: now, OwnedAt: now}
	e := s.identityEntry(ctx, AccountCreated, id, p.Name())
	e.Details["role"] = string(u.Role)
	return u, s.store.CreateUserWith(ctx, u, s.newIdentity(id, p, c), e)
}

func keyOf(p Provider, c Claim) IdentityKey {
	return IdentityKey{Provider: p.Name(), Issuer: p.Issuer(), Subject: c.Subject}
}

func (s *Service) newIdentity(user uuid.UUID, p Provider, c Claim) Identity {
	now := s.now()
	return Identity{IdentityKey: keyOf(p, c), UserID: user, CreatedAt: now, UsedAt: now}
}

func (s *Service) identityEntry(ctx context.Context, a Action, user uuid.UUID, provider string) Entry {
	return Entry{Action: a, UserID: user, SubjectID: user, Details: map[string]any{"provider": provider}}.From(ctx)
}

// Identities returns the caller's, by name of provider.
func (s *Service) Identities(ctx context.Context, who Actor) ([]Identity, error) {
	if err := who.InPerson(); err != nil {
		return nil, err
	}
	return s.store.Identities(ctx, who.UserID)
}

// RemoveIdentity has the caller not sign in by a provider any more, one that is not in the
// configuration now, too. Forbidden recent_sign_in_required. NotFound: they do not.
// Conflict last_way_in: they could not sign in at all then.
func (s *Service) RemoveIdentity(ctx context.Context, who Actor, provider string) error {
	if err := s.RequireRecent(who); err != nil {
		return err
	}
	r := IdentityRemoval{UserID: who.UserID, Provider: provider, Entry: s.identityEntry(ctx, IdentityUnlinked, who.UserID, provider)}
	for _, p := range s.providers {
		if p.Name() != provider {
			r.Others = append(r.Others, p.Name())
		}
	}
	return s.store.RemoveIdentity(ctx, r)
}
