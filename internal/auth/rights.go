package auth

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Rights is what holds for an account and one of its sign-ins at this moment.
type Rights struct {
	Email       string
	Role        Role
	Permissions []Permission // of the role; none if it is not known
	Disabled    bool
	Until       time.Time // when the sign-in expires, unless it is refreshed; zero: it has ended
	Factor      bool      // they have a second one
	Generation  int       // see User
}

// rightsTTL is how long rights are believed: so long after a role was changed, an account
// disabled or a sign-in ended may an access token of before still work. One who polls
// costs one query in that time, however fast.
const rightsTTL = 2 * time.Second

// maxRights bounds the memory that signing in over and over can take.
const maxRights = 10_000

// signIn is what rights are of.
type signIn struct{ user, session uuid.UUID }

// rightsCache holds those that were asked for lately.
type rightsCache struct {
	mu    sync.Mutex
	known map[signIn]cachedRights
}

type cachedRights struct {
	Rights
	until time.Time
}

func (c *rightsCache) find(of signIn, now time.Time) (Rights, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.known[of]
	return found.Rights, ok && now.Before(found.until)
}

func (c *rightsCache) keep(of signIn, r Rights, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxRights {
		c.known = map[signIn]cachedRights{}
	}
	c.known[of] = cachedRights{r, now.Add(rightsTTL)}
}

// forget has those of a user asked anew. Other processes learn of a change when what they
// know is too old; whoever has made it shall not wait for that.
func (c *rightsCache) forget(user uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.known, func(of signIn, _ cachedRights) bool { return of.user == user })
}

// entitle fills in what the actor of a token is and may do now. Unauthenticated
// account_gone, account_disabled, session_expired: they may nothing any more.
func (s *Service) entitle(ctx context.Context, who Actor) (Actor, error) {
	r, err := s.rightsOf(ctx, signIn{who.UserID, who.SessionID})
	if err != nil {
		return Actor{}, err
	}
	if r.Disabled {
		return Actor{}, accountDisabled(fault.Unauthenticated)
	}
	if !s.now().Before(r.Until) {
		return Actor{}, sessionExpired(nil)
	}
	who.Email, who.Role, who.Permissions, who.generation = r.Email, r.Role, r.Permissions, r.Generation
	if !r.Factor && s.mustEnrol(r.Role) {
		who.Enrolling, who.Permissions = true, nil
	}
	return who, nil
}

func (s *Service) rightsOf(ctx context.Context, of signIn) (Rights, error) {
	now := s.now()
	if r, ok := s.rights.find(of, now); ok {
		return r, nil
	}
	r, err := s.store.Rights(ctx, of.user, of.session)
	if fault.Is(err, fault.NotFound) {
		return Rights{}, AccountGone(err)
	}
	if err != nil {
		return Rights{}, err
	}
	s.rights.keep(of, r, now)
	return r, nil
}

// AccountGone is the fault of who was signed in to an account that was deleted.
func AccountGone(err error) error {
	return fault.Wrap(err, fault.Unauthenticated, "This account no longer exists.").WithCode("account_gone")
}

func accountDisabled(k fault.Kind) *fault.Error {
	return fault.New(k, "This account was disabled. Ask an administrator of this installation.").WithCode("account_disabled")
}
