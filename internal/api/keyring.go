package api

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/rate"
)

// strangers bounds how many API keys that nobody has are looked up for one address.
var strangers = rate.PerMinute(60)

const (
	// familiarFor is how long a key is remembered that was good.
	familiarFor = 10 * time.Minute
	maxFamiliar = 10_000
)

// keyring remembers by hash the keys that were good lately. They are looked up whatever else
// comes from their address: a program there whose key was revoked shall not keep out the
// others. It decides nothing else.
type keyring struct {
	mu   sync.Mutex
	good map[[sha256.Size]byte]time.Time // until when
}

func (k *keyring) has(key string, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return now.Before(k.good[sha256.Sum256([]byte(key))])
}

func (k *keyring) keep(key string, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.good == nil || len(k.good) >= maxFamiliar {
		k.good = map[[sha256.Size]byte]time.Time{}
	}
	k.good[sha256.Sum256([]byte(key))] = now.Add(familiarFor)
}

// authenticateKey returns what knows API keys. Who tries many is refused before the
// database is asked.
func (s *Server) authenticateKey(c echo.Context) func(context.Context, string) (auth.Actor, error) {
	from := rate.Bucket{Key: "unknown keys from " + network(c.RealIP()), Limit: strangers}
	return func(ctx context.Context, key string) (auth.Actor, error) {
		if l := s.limiter.Levels(from)[0]; l.Left < 1 && !s.keyring.has(key, time.Now()) {
			return auth.Actor{}, tooOften("unknown-key", from.Limit, l)
		}
		who, err := s.auth.AuthenticateKey(ctx, key)
		switch {
		case err == nil:
			s.keyring.keep(key, time.Now())
		case fault.Of(err).Code == "key_invalid":
			s.limiter.Spend(from)
		}
		return who, err
	}
}
