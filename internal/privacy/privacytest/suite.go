package privacytest

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/privacy"
)

// World is a store with those who have accounts in it.
type World interface {
	privacy.Store
	// Person adds an account of a role.
	Person(t *testing.T, r auth.Role) uuid.UUID
	// There reports whether there is an account.
	There(t *testing.T, id uuid.UUID) bool
	// Later lets so much time pass that everybody at work has noticed what has happened.
	Later()
}

// TestStore checks that a store keeps the promises of privacy.Store. Open returns a
// world without accounts; it is called once per test.
func TestStore(t *testing.T, open func(t *testing.T) World) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, World){
		"an account is deleted once":         testDelete,
		"of many who delete it one does":     testDeleteAtOnce,
		"the last administrator stays":       testLastAdmin,
		"a receipt is verified in the end":   testVerified,
		"what is left is looked for again":   testLeft,
		"there is no receipt of another id":  testNoReceipt,
		"what is of nothing is gone already": testGone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func entry() auth.Entry { return auth.Entry{Action: auth.AccountDeleted} }

func remove(t *testing.T, w World, id uuid.UUID) *privacy.Receipt {
	t.Helper()
	r, err := w.DeleteAccount(t.Context(), id, uuid.New(), entry())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func testDelete(t *testing.T, w World) {
	id, other := w.Person(t, auth.Member), w.Person(t, auth.Member)
	r := remove(t, w, id)
	if w.There(t, id) || !w.There(t, other) {
		t.Error("the wrong account was deleted")
	}
	if r.DeletedAt.IsZero() || !r.VerifiedAt.IsZero() || r.Counts == nil {
		t.Errorf("got %+v", r)
	}
	got, err := w.Receipt(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, got); diff != "" {
		t.Errorf("-told +read\n%s", diff)
	}
	if _, err := w.DeleteAccount(t.Context(), id, uuid.New(), entry()); !fault.Is(err, fault.NotFound) {
		t.Errorf("twice: got %v, want not_found", err)
	}
}

func testDeleteAtOnce(t *testing.T, w World) {
	id := w.Person(t, auth.Member)
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = w.DeleteAccount(t.Context(), id, uuid.New(), entry()) })
	}
	all.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		} else if !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	}
	if done != 1 {
		t.Errorf("%d have deleted it", done)
	}
}

func testLastAdmin(t *testing.T, w World) {
	first, second := w.Person(t, auth.Admin), w.Person(t, auth.Admin)
	remove(t, w, first)
	if _, err := w.DeleteAccount(t.Context(), second, uuid.New(), entry()); fault.Of(err).Code != "last_admin" {
		t.Errorf("got %v, want last_admin", err)
	}
	if !w.There(t, second) {
		t.Error("the last administrator is gone")
	}
}

// departure returns the one account that is to be looked for now.
func departure(t *testing.T, w World) privacy.Departure {
	t.Helper()
	found, err := w.Departures(t.Context(), 10)
	if err != nil || len(found) != 1 {
		t.Fatalf("got %v, %v, want one", found, err)
	}
	return found[0]
}

func none(t *testing.T, w World) {
	t.Helper()
	if found, err := w.Departures(t.Context(), 10); err != nil || len(found) > 0 {
		t.Errorf("got %v, %v, want none", found, err)
	}
}

func searched(t *testing.T, w World, d privacy.Departure, left bool) {
	t.Helper()
	if err := w.Searched(t.Context(), d, left); err != nil {
		t.Fatal(err)
	}
}

func verified(t *testing.T, w World, id uuid.UUID) bool {
	t.Helper()
	r, err := w.Receipt(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return !r.VerifiedAt.IsZero()
}

// Once nothing is found, whoever was at work may still add something.
func testVerified(t *testing.T, w World) {
	id := w.Person(t, auth.Member)
	none(t, w)
	r := remove(t, w, id)
	d := departure(t, w)
	if diff := cmp.Diff(privacy.Departure{Receipt: r.ID, Owner: id}, d); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	searched(t, w, d, false)
	none(t, w)
	w.Later()
	d = departure(t, w)
	if !d.Settled || verified(t, w, r.ID) {
		t.Errorf("got %+v, verified %v", d, verified(t, w, r.ID))
	}
	searched(t, w, d, false)
	w.Later()
	none(t, w)
	if !verified(t, w, r.ID) {
		t.Error("the receipt is not verified")
	}
}

func testLeft(t *testing.T, w World) {
	r := remove(t, w, w.Person(t, auth.Member))
	for range 3 {
		searched(t, w, departure(t, w), true)
		none(t, w)
		w.Later()
		if verified(t, w, r.ID) {
			t.Fatal("the receipt is verified")
		}
	}
	if found, err := w.Departures(t.Context(), 0); err != nil || len(found) > 0 {
		t.Errorf("got %v, %v, though none is asked for", found, err)
	}
}

func testNoReceipt(t *testing.T, w World) {
	if _, err := w.Receipt(t.Context(), uuid.New()); !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v, want not_found", err)
	}
}

func testGone(t *testing.T, w World) {
	ids := []uuid.UUID{uuid.New(), uuid.New()}
	got, err := w.Gone(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ids, got); diff != "" {
		t.Errorf("-asked +gone\n%s", diff)
	}
}
