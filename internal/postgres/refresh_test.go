package postgres_test

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/rate"
)

// TestRefresh_manyAtOnce has 50 tabs refresh one token on a real database: all of them get
// the same successor, which works, and nothing else does. When the token comes back after
// the grace, the whole sign-in ends.
func TestRefresh_manyAtOnce(t *testing.T) {
	t.Parallel()
	const tabs = 50
	var mu sync.Mutex
	now := time.Now()
	s, err := auth.NewService(t.Context(), people(t, pgtest.New(t)), auth.Options{
		Secrets: [][]byte{bytes.Repeat([]byte("s"), 32)}, Issuer: "http://localhost", Argon2: auth.Argon2{MemoryKiB: 64, Passes: 1, Lanes: 1},
		Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		},
	})
	ok(t, err)
	g, err := s.Register(t.Context(), "ada@example.com", "four words in a row")
	ok(t, err)
	successors := make([]string, tabs)
	var all sync.WaitGroup
	for i := range tabs {
		all.Go(func() {
			next, err := s.Refresh(t.Context(), g.Refresh)
			if err != nil {
				t.Errorf("refresh: %v", err)
				return
			}
			successors[i] = next.Refresh
		})
	}
	all.Wait()
	for _, successor := range successors {
		if successor != successors[0] {
			t.Fatal("the sign-in has two branches")
		}
	}
	next, err := s.Refresh(t.Context(), successors[0])
	ok(t, err)
	who, err := s.Authenticate(t.Context(), next.Access)
	ok(t, err)
	if found, err := s.SignIns(t.Context(), who, auth.Cursor{}, 10); err != nil || len(found) != 1 {
		t.Errorf("got %+v, %v, want one sign-in", found, err)
	}
	mu.Lock()
	now = now.Add(31 * time.Second)
	mu.Unlock()
	if _, err := s.Refresh(t.Context(), g.Refresh); !fault.Is(err, fault.Unauthenticated) || fault.Of(err).Code != "session_reused" {
		t.Errorf("after the grace: got %v, want session_reused", err)
	}
	if _, err := s.Refresh(t.Context(), next.Refresh); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("the newest token of the family: got %v, want unauthenticated", err)
	}
	if _, err := s.Authenticate(t.Context(), next.Access); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("its access token: got %v, want unauthenticated", err)
	}
}

// BenchmarkLogin measures a wrong password for an account that is there and for one that
// is not, in turn: what differs could tell who has an account.
func BenchmarkLogin(b *testing.B) {
	s, err := auth.NewService(b.Context(), people(b, pgtest.New(b)), auth.Options{Secrets: [][]byte{bytes.Repeat([]byte("s"), 32)}, Issuer: "http://localhost", Attempts: unlimited{}})
	ok(b, err)
	_, err = s.Register(b.Context(), "ada@example.com", "four words in a row")
	ok(b, err)
	took := map[string][]time.Duration{}
	for b.Loop() {
		for _, email := range []string{"ada@example.com", "bob@example.com"} {
			began := time.Now()
			if _, err := s.Login(b.Context(), email, "wrong"); !fault.Is(err, fault.Unauthenticated) {
				b.Fatal(err)
			}
			took[email] = append(took[email], time.Since(began))
		}
	}
	for name, email := range map[string]string{"known-ms": "ada@example.com", "unknown-ms": "bob@example.com"} {
		slices.Sort(took[email])
		b.ReportMetric(float64(took[email][len(took[email])/2].Microseconds())/1000, name)
	}
}

// unlimited lets everybody guess.
type unlimited struct{}

func (unlimited) Take(_ context.Context, buckets ...rate.Bucket) []rate.Level {
	levels := make([]rate.Level, len(buckets))
	for i := range levels {
		levels[i].Granted = 1
	}
	return levels
}

func (unlimited) GiveBack(context.Context, ...rate.Bucket) {}
