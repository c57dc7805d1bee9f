package privacy_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/privacy"
	"github.com/turboscribe/turboscribe/internal/privacy/privacytest"
)

// remains are what is left outside the store.
type remains struct {
	objects map[string]int // by prefix
	tasks   int
	broken  error
}

func (r *remains) Clear(_ context.Context, prefix string) (int, error) {
	n := r.objects[prefix]
	delete(r.objects, prefix)
	return n, r.broken
}

func (r *remains) Prune(context.Context, func(context.Context, []uuid.UUID) ([]uuid.UUID, error)) (int, error) {
	n := r.tasks
	r.tasks = 0
	return n, r.broken
}

// deleted returns a store with an account that was deleted, and what is left of that.
func deleted(t *testing.T) (s *privacytest.Store, id, receipt uuid.UUID) {
	t.Helper()
	s = &privacytest.Store{Accounts: new(authtest.Store)}
	u := authtest.NewUser(t, "ada@example.com")
	if err := s.Accounts.CreateUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	receipt = uuid.New()
	if _, err := s.DeleteAccount(t.Context(), u.ID, receipt, auth.Entry{Action: auth.AccountDeleted}); err != nil {
		t.Fatal(err)
	}
	return s, u.ID, receipt
}

// A receipt is verified when a search has found nothing after everybody has noticed, and
// not before: not after one that failed, nor after one that found something.
func TestSearcher(t *testing.T) {
	t.Parallel()
	s, id, receipt := deleted(t)
	prefix := "u/" + id.String() + "/"
	r := &remains{objects: map[string]int{prefix: 2, "u/" + uuid.NewString() + "/": 1}}
	searcher := privacy.NewSearcher(s, r, r)
	verified := func() bool {
		got, err := s.Receipt(t.Context(), receipt)
		if err != nil {
			t.Fatal(err)
		}
		return !got.VerifiedAt.IsZero()
	}
	for i, step := range []func(){
		func() {},              // finds the objects
		func() { r.tasks = 1 }, // finds a task
		func() { r.broken = errors.New("is down") }, // finds nothing, and knows nothing
		func() { r.broken, r.objects[prefix] = nil, 1 },
	} {
		step()
		if err := searcher.Search(t.Context()); !errors.Is(err, r.broken) {
			t.Errorf("search %d: got %v, want %v", i, err, r.broken)
		}
		s.Later()
		if verified() {
			t.Fatalf("the receipt is verified after search %d", i)
		}
	}
	if err := searcher.Search(t.Context()); err != nil || !verified() {
		t.Errorf("verified: %v, %v", verified(), err)
	}
	if len(r.objects) != 1 {
		t.Error("the objects of somebody else are gone")
	}
	r.broken = errors.New("nobody asks")
	if err := searcher.Search(t.Context()); err != nil {
		t.Errorf("nobody has left: %v", err)
	}
}

// The search right after an account was deleted verifies nothing.
func TestSearcher_tooEarly(t *testing.T) {
	t.Parallel()
	s, _, receipt := deleted(t)
	r := new(remains)
	if err := privacy.NewSearcher(s, r, r).Search(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Receipt(t.Context(), receipt); err != nil || got.VerifiedAt != (time.Time{}) {
		t.Errorf("got %+v, %v", got, err)
	}
}
