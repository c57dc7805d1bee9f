package auth

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/rate"
)

// Attempts counts wrong passwords; rate.Limiter does.
type Attempts interface {
	// Take takes one from each bucket, or none when one of them is empty.
	Take(ctx context.Context, buckets ...rate.Bucket) []rate.Level
	GiveBack(ctx context.Context, buckets ...rate.Bucket)
}

// attempt is one guess at what only its owner knows.
type attempt struct {
	s       *Service
	buckets []rate.Bucket
}

// begin counts an attempt at the account of that name, which need not exist, before
// anything is compared: many at once are no more than one after the other. RateLimited
// too_many_attempts: it comes too early, whether or not it is right.
//
// Nobody is locked out. From one network each next attempt takes longer, up to ten
// minutes. All networks together wait up to a minute, or a botnet would have as many
// attempts as it has machines. A device on which its owner has signed in before has
// attempts of its own, which nobody else can use up.
func (s *Service) begin(ctx context.Context, name string, u *User) (attempt, error) {
	from := OriginOf(ctx)
	if device, known := s.knownDevice(u, from.Device); known {
		a, wait := s.attempt(ctx, ofKnown("device "+device))
		return a, tooManyAttempts(wait, passwords, "")
	}
	name = nameOf(name)
	a, wait := s.attempt(ctx, ofAnybody(name, "account "+name, rate.Network(from.IP, 24)))
	return a, tooManyAttempts(wait, passwords, ", or use a device on which you have signed in before")
}

// ofAnybody returns the buckets of who tries to get in somewhere, from one network and from
// all together.
func ofAnybody(name, all, network string) []rate.Bucket {
	buckets := slower(name+" from "+network, step{5, 10 * time.Second}, step{15, time.Minute}, step{50, 10 * time.Minute})
	buckets = append(buckets, slower(all, step{20, 5 * time.Second}, step{100, time.Minute})...)
	return append(buckets, slower("anything from "+network, step{100, 6 * time.Second})...)
}

// beginAgain is begin for whoever has signed in, which proves as much as a device that is
// known, and is there for programs too. It has attempts of its own as a device has.
func (s *Service) beginAgain(ctx context.Context, who Actor) (attempt, error) {
	a, wait := s.attempt(ctx, ofKnown("sign-in "+who.SessionID.String()))
	return a, tooManyAttempts(wait, passwords, "")
}

// ofKnown returns the buckets of what belongs to the owner of an account, most likely.
func ofKnown(key string) []rate.Bucket {
	return slower(key, step{10, 10 * time.Second}, step{30, time.Minute})
}

// nameOf returns the one form of an address, cut where no address is longer: a bucket is
// kept by its name, and nobody shall fill the memory with names.
func nameOf(email string) string {
	name := strings.ToLower(strings.TrimSpace(email))
	return name[:min(len(name), maxEmail+1)]
}

// attempt takes from the buckets. Who has to wait has made none.
func (s *Service) attempt(ctx context.Context, buckets []rate.Bucket) (a attempt, wait time.Duration) {
	a = attempt{s: s, buckets: buckets}
	for _, l := range s.attempts.Take(ctx, a.buckets...) {
		if l.Granted < 1 {
			wait = max(wait, l.Wait, time.Second)
		}
	}
	return a, wait
}

// undo gives back an attempt that was no guess.
func (a attempt) undo(ctx context.Context) { a.s.attempts.GiveBack(ctx, a.buckets...) }

// step is how many attempts may be made, and how long each takes once they are.
type step struct {
	burst int
	every time.Duration
}

// slower returns the buckets of something that takes longer with each step.
func slower(key string, steps ...step) (buckets []rate.Bucket) {
	for _, st := range steps {
		buckets = append(buckets, rate.Bucket{
			Key: "attempts at " + key + " every " + st.every.String(), Limit: rate.Limit{Burst: st.burst, Every: st.every},
		})
	}
	return buckets
}

// What is guessed, as people are told of it.
const (
	passwords = "passwords"
	codes     = "codes"
)

// tooManyAttempts is the fault of who has to wait, as too many of what they guess were
// wrong; nil for everybody else.
func tooManyAttempts(wait time.Duration, what, otherwise string) error {
	if wait == 0 {
		return nil
	}
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	return fault.New(fault.RateLimited, "Too many wrong %s were tried. Wait %d seconds and try again%s.", what, seconds, otherwise).
		WithCode("too_many_attempts").With("retryAfter", seconds)
}
