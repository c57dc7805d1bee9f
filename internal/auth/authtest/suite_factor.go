package authtest

import (
	"crypto/sha256"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// addMember adds a user of that address.
func addMember(t *testing.T, s auth.Store, email string) *auth.User {
	t.Helper()
	u := NewUser(t, email)
	if err := s.CreateUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	return u
}

func hash(code string) auth.TokenHash { return sha256.Sum256([]byte(code)) }

// addFactor begins one of a user's.
func addFactor(t *testing.T, s auth.Store, user uuid.UUID) auth.Factor {
	t.Helper()
	f := auth.Factor{ID: newID(t), UserID: user, Seed: "twenty bytes exactly", CreatedAt: start}
	if err := s.BeginFactor(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	return f
}

// confirmed is one with two recovery codes, which are returned.
func confirmed(t *testing.T, s auth.Store, user uuid.UUID) (auth.Factor, []auth.TokenHash) {
	t.Helper()
	f := addFactor(t, s, user)
	codes := []auth.TokenHash{hash("one of " + f.ID.String()), hash("two of " + f.ID.String())}
	c := auth.FactorChange{UserID: user, Factor: f.ID, Step: 100, Codes: codes, At: start, Entry: auth.Entry{Action: auth.FactorAdded, SubjectID: user}}
	if err := s.ConfirmFactor(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return f, codes
}

func testFactors(t *testing.T, s auth.Store) {
	ctx := t.Context()
	ada, bob := addMember(t, s, "ada@example.com"), addMember(t, s, "bob@example.com")
	if _, err := s.Factor(ctx, ada.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("of nobody: got %v, want not_found", err)
	}
	former := addFactor(t, s, ada.ID)
	f := addFactor(t, s, ada.ID)
	got, err := s.Factor(ctx, ada.ID)
	if diff := cmp.Diff(&f, got, equalTimes); diff != "" || err != nil {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
	if u, err := s.User(ctx, ada.ID); err != nil || u.HasFactor() {
		t.Errorf("one that is not confirmed counts: %+v, %v", u, err)
	}
	for name, c := range map[string]auth.FactorChange{
		"that was replaced": {UserID: ada.ID, Factor: former.ID}, "of somebody else": {UserID: bob.ID, Factor: f.ID}, "that never was": {UserID: ada.ID, Factor: newID(t)},
	} {
		c.Codes = []auth.TokenHash{hash(name)}
		if err := s.ConfirmFactor(ctx, c); !fault.Is(err, fault.NotFound) {
			t.Errorf("one %s: got %v, want not_found", name, err)
		}
	}
	c := auth.FactorChange{UserID: ada.ID, Factor: f.ID, Step: 7, Codes: []auth.TokenHash{hash("a"), hash("b")}, At: start, Entry: auth.Entry{Action: auth.FactorAdded, SubjectID: ada.ID}}
	if err := s.ConfirmFactor(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := s.ConfirmFactor(ctx, c); !fault.Is(err, fault.NotFound) {
		t.Errorf("again: got %v, want not_found", err)
	}
	if err := s.BeginFactor(ctx, auth.Factor{ID: newID(t), UserID: ada.ID, Seed: "twenty bytes exactly", CreatedAt: start}); fault.Of(err).Code != "second_factor_exists" {
		t.Errorf("a second: got %v, want second_factor_exists", err)
	}
	if err := s.BeginFactor(ctx, auth.Factor{ID: newID(t), UserID: newID(t), Seed: "twenty bytes exactly", CreatedAt: start}); !fault.Is(err, fault.NotFound) {
		t.Errorf("of nobody: got %v, want not_found", err)
	}
	byMail, err := s.UserByEmail(ctx, ada.Email)
	if err != nil || !byMail.FactorSince.Equal(start) || byMail.RecoveryCodes != 2 {
		t.Errorf("got %+v, %v", byMail, err)
	}
	page, err := s.Users(ctx, auth.UserFilter{Email: "ada", Limit: 10})
	if err != nil || len(page) != 1 || !page[0].HasFactor() {
		t.Errorf("got %+v, %v", page, err)
	}
	disabled := true
	changed, err := s.ChangeUser(ctx, ada.ID, auth.UserChange{Disabled: &disabled, At: start}, auth.Entry{})
	if err != nil || !changed.HasFactor() {
		t.Errorf("got %+v, %v", changed, err)
	}
}

func testFactorChanges(t *testing.T, s auth.Store) {
	ctx := t.Context()
	u := addMember(t, s, "ada@example.com")
	here, elsewhere := addSession(t, s, u.ID, "here"), addSession(t, s, u.ID, "elsewhere")
	f := addFactor(t, s, u.ID)
	ended := func(family uuid.UUID) bool {
		t.Helper()
		r, err := s.Rights(ctx, u.ID, family)
		if err != nil {
			t.Fatal(err)
		}
		return r.Until.IsZero()
	}
	c := auth.FactorChange{UserID: u.ID, Factor: f.ID, At: start, Codes: []auth.TokenHash{hash("a")}, Keep: here.FamilyID, Entry: auth.Entry{Action: auth.FactorAdded, SubjectID: u.ID}}
	if err := s.ConfirmFactor(ctx, c); err != nil {
		t.Fatal(err)
	}
	if ended(here.FamilyID) || !ended(elsewhere.FamilyID) {
		t.Error("want this sign-in to go on, and no other")
	}
	if r, err := s.Rights(ctx, u.ID, here.FamilyID); err != nil || !r.Factor {
		t.Errorf("got %+v, %v", r, err)
	}
	late := newSession(t, u.ID, newID(t), "late")
	if err := s.CreateSession(ctx, late, u.Generation); !fault.Is(err, fault.Conflict) {
		t.Errorf("a sign-in that was begun without the factor: got %v, want conflict", err)
	}
	removed := auth.FactorChange{UserID: u.ID, At: start, Entry: auth.Entry{Action: auth.FactorRemoved, SubjectID: u.ID}}
	if err := s.RemoveFactor(ctx, removed); err != nil {
		t.Fatal(err)
	}
	if !ended(here.FamilyID) {
		t.Error("want every sign-in to have ended")
	}
	if err := s.RemoveFactor(ctx, removed); !fault.Is(err, fault.NotFound) {
		t.Errorf("again: got %v, want not_found", err)
	}
	addFactor(t, s, u.ID)
	if err := s.RemoveFactor(ctx, removed); !fault.Is(err, fault.NotFound) {
		t.Errorf("one that is not confirmed: got %v, want not_found", err)
	}
	after, err := s.User(ctx, u.ID)
	if err != nil || after.HasFactor() || after.RecoveryCodes != 0 || after.Generation != u.Generation+2 {
		t.Errorf("got %+v, %v", after, err)
	}
	entries, err := s.Entries(ctx, auth.EntryFilter{SubjectID: u.ID, Limit: 10})
	if err != nil || len(entries) != 2 || entries[0].Action != auth.FactorRemoved || entries[1].Action != auth.FactorAdded {
		t.Errorf("got %+v, %v", entries, err)
	}
}

func testSpendStep(t *testing.T, s auth.Store) {
	u := addMember(t, s, "ada@example.com")
	begun := addFactor(t, s, u.ID)
	if err := s.SpendStep(t.Context(), begun.ID, 1); !fault.Is(err, fault.Conflict) {
		t.Errorf("of one that is not confirmed: got %v, want conflict", err)
	}
	f, _ := confirmed(t, s, u.ID) // by step 100
	for _, tt := range []struct {
		step int64
		want bool
	}{{99, false}, {100, false}, {101, true}, {101, false}, {100, false}, {103, true}, {102, false}} {
		if err := s.SpendStep(t.Context(), f.ID, tt.step); (err == nil) != tt.want || err != nil && !fault.Is(err, fault.Conflict) {
			t.Errorf("step %d: got %v, want it spent: %v", tt.step, err, tt.want)
		}
	}
	if err := s.SpendStep(t.Context(), newID(t), 1000); !fault.Is(err, fault.Conflict) {
		t.Errorf("of none: got %v, want conflict", err)
	}
}

func testSpendStepAtOnce(t *testing.T, s auth.Store) {
	f, _ := confirmed(t, s, addMember(t, s, "ada@example.com").ID)
	var all sync.WaitGroup
	let := make(chan error, 20)
	for range cap(let) {
		all.Go(func() { let <- s.SpendStep(t.Context(), f.ID, 101) })
	}
	all.Wait()
	close(let)
	n := 0
	for err := range let {
		if err == nil {
			n++
		} else if !fault.Is(err, fault.Conflict) {
			t.Error(err)
		}
	}
	if n != 1 {
		t.Errorf("%d were let in by one code", n)
	}
}

func testRecoveryCodes(t *testing.T, s auth.Store) {
	ctx := t.Context()
	ada, bob := addMember(t, s, "ada@example.com"), addMember(t, s, "bob@example.com")
	_, codes := confirmed(t, s, ada.ID)
	confirmed(t, s, bob.ID)
	used := auth.Entry{Action: auth.RecoveryCodeUsed, SubjectID: ada.ID}
	if err := s.SpendRecoveryCode(ctx, bob.ID, codes[0], used); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else's: got %v, want not_found", err)
	}
	if err := s.SpendRecoveryCode(ctx, ada.ID, codes[0], used); err != nil {
		t.Error(err)
	}
	if err := s.SpendRecoveryCode(ctx, ada.ID, codes[0], used); !fault.Is(err, fault.NotFound) {
		t.Errorf("again: got %v, want not_found", err)
	}
	if u, err := s.User(ctx, ada.ID); err != nil || u.RecoveryCodes != 1 {
		t.Errorf("got %+v, %v, want one left", u, err)
	}
	fresh := []auth.TokenHash{hash("x"), hash("y"), hash("z")}
	renewed := auth.Entry{Action: auth.RecoveryCodesRenewed, SubjectID: ada.ID}
	if err := s.RenewRecoveryCodes(ctx, ada.ID, fresh, renewed); err != nil {
		t.Fatal(err)
	}
	if err := s.SpendRecoveryCode(ctx, ada.ID, codes[1], used); !fault.Is(err, fault.NotFound) {
		t.Errorf("one that was replaced: got %v, want not_found", err)
	}
	if err := s.SpendRecoveryCode(ctx, ada.ID, fresh[2], used); err != nil {
		t.Error(err)
	}
	if err := s.RenewRecoveryCodes(ctx, addMember(t, s, "eve@example.com").ID, fresh, renewed); !fault.Is(err, fault.NotFound) {
		t.Errorf("of who has no factor: got %v, want not_found", err)
	}
	entries, err := s.Entries(ctx, auth.EntryFilter{Action: auth.RecoveryCodeUsed, Limit: 10})
	if err != nil || len(entries) != 2 {
		t.Errorf("got %+v, %v, want two uses", entries, err)
	}
}

func testRoles(t *testing.T, s auth.Store) {
	got, err := s.Roles(t.Context())
	want := []auth.Role{auth.Admin, auth.Operator, auth.Member, auth.Viewer}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
}
