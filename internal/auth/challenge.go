package auth

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

const (
	// challengeType and challengeAudience are those of no other token.
	challengeType     = "challenge+jwt"
	challengeAudience = "turboscribe-challenge"
	// challengeTTL is how long somebody may look for their phone.
	challengeTTL = 10 * time.Minute
)

// challenge is what somebody holds who has proved who they are but for the second factor.
// It opens nothing by itself, and is of use until what signing in rests on is changed.
type challenge struct {
	jwt.RegisteredClaims        // the subject is who it is
	Generation           int    `json:"gen"`
	ReturnTo             string `json:"returnTo,omitempty"`
}

// challenge returns a grant of nothing but the right to bring the second factor.
func (s *Service) challenge(u *User, returnTo string) (*Grant, error) {
	now := s.now()
	c := &challenge{Generation: u.Generation, ReturnTo: returnTo, RegisteredClaims: jwt.RegisteredClaims{
		Subject: u.ID.String(), Issuer: s.issuer, Audience: jwt.ClaimStrings{challengeAudience},
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(challengeTTL)),
	}}
	token := jwt.NewWithClaims(signingMethod, c)
	token.Header["typ"], token.Header["kid"] = challengeType, s.keys[0].id
	signed, err := token.SignedString(s.keys[0].challenge)
	if err != nil {
		return nil, fmt.Errorf("sign a challenge: %w", err)
	}
	return &Grant{Challenge: signed, ChallengeExpires: c.ExpiresAt.UTC()}, nil
}

// FinishSignIn signs in who brings a code of their second factor to the challenge that they
// were answered with, or a recovery code. Unauthenticated challenge_invalid: it is too old,
// or the account has changed; wrong_code. RateLimited too_many_attempts. Forbidden as for
// Login. ReturnTo of the grant is where they wanted to go.
func (s *Service) FinishSignIn(ctx context.Context, token, code string) (*Grant, error) {
	c, u, err := s.openChallenge(ctx, token)
	if err != nil {
		return nil, err
	}
	guess, err := s.beginCode(ctx, s.codesAt(ctx, u))
	if err != nil {
		return nil, err
	}
	ok, err := s.spendCode(ctx, u, code)
	if ok || err != nil {
		guess.undo(ctx)
	}
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, s.refuse(ctx, u, wrongCode(fault.Unauthenticated))
	}
	if err := s.mayEnter(ctx, u); err != nil {
		return nil, err
	}
	g, err := s.open(ctx, u)
	if err != nil {
		return nil, err
	}
	g.ReturnTo = c.ReturnTo
	return g, nil
}

// openChallenge returns one that is still good, and whose it is.
func (s *Service) openChallenge(ctx context.Context, token string) (*challenge, *User, error) {
	c, id, err := s.readChallenge(token)
	if err != nil {
		return nil, nil, err
	}
	u, err := s.store.User(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, nil, challengeInvalid(err)
	}
	if err != nil {
		return nil, nil, err
	}
	if u.Generation != c.Generation || !u.HasFactor() {
		return nil, nil, challengeInvalid(nil)
	}
	return c, u, nil
}

// readChallenge returns what a token says that was made here, and whom it is about.
func (s *Service) readChallenge(token string) (*challenge, uuid.UUID, error) {
	c := new(challenge)
	_, err := s.newParser(challengeAudience).ParseWithClaims(token, c, func(t *jwt.Token) (any, error) {
		k, err := s.keysOf(t, challengeType)
		return k.challenge, err
	})
	if err != nil {
		return nil, uuid.Nil, challengeInvalid(err)
	}
	id, err := uuid.Parse(c.Subject)
	if err != nil {
		return nil, uuid.Nil, challengeInvalid(err)
	}
	return c, id, nil
}

func challengeInvalid(err error) error {
	return fault.Wrap(err, fault.Unauthenticated, "This sign-in was begun more than %d minutes ago, or your account has changed since. Start again.", int(challengeTTL.Minutes())).
		WithCode("challenge_invalid")
}

// codesAt names those who try the codes of an account and can be told from others: its
// owner on the devices that are known, and everybody else. Devices have no attempts of their
// own, or whoever makes themselves known on many could try as many times more codes. Who gets
// here has the password, so a new one gives the owner attempts that the other has not used up.
func (s *Service) codesAt(ctx context.Context, u *User) string {
	if _, known := s.knownDevice(u, OriginOf(ctx).Device); known {
		return codesBy("devices", u)
	}
	return codesBy("anybody", u)
}

func codesBy(who string, u *User) string {
	return fmt.Sprintf("account %s after %d changes by %s", u.ID, u.Generation, who)
}

// beginCode is begin for codes. They are short, so it takes longer sooner: some 150 can be
// tried a day by each of those who can be told apart, of a million of which three are right.
func (s *Service) beginCode(ctx context.Context, key string) (attempt, error) {
	a, wait := s.attempt(ctx, slower("codes of "+key, step{5, time.Minute}, step{20, 10 * time.Minute}))
	return a, tooManyAttempts(wait, codes, "")
}

// mustEnrol reports whether somebody of that role has to have a second factor.
func (s *Service) mustEnrol(r Role) bool { return slices.Contains(s.requireFactor, r) }

// CheckRoles returns an error if a second factor is required of a role that there is not:
// nobody would be asked for one, because of a slip.
func (s *Service) CheckRoles(ctx context.Context) error {
	known, err := s.store.Roles(ctx)
	if err != nil {
		return err
	}
	for _, r := range s.requireFactor {
		if !slices.Contains(known, r) {
			return fmt.Errorf("there is no role %q to require a second factor of; there are %q", r, known)
		}
	}
	return nil
}
