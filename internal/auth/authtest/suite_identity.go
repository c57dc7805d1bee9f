package authtest

import (
	"crypto/sha256"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

const issuer = "https://id.example.com"

func newIdentity(user uuid.UUID, provider, subject string) auth.Identity {
	k := auth.IdentityKey{Provider: provider, Issuer: issuer, Subject: subject}
	return auth.Identity{IdentityKey: k, UserID: user, CreatedAt: start, UsedAt: start}
}

func linkedEntry(user uuid.UUID) auth.Entry {
	return auth.Entry{Action: auth.IdentityLinked, UserID: user, SubjectID: user, Details: map[string]any{"provider": "id"}}
}

func addIdentity(t *testing.T, s auth.Store, user uuid.UUID, provider string) auth.Identity {
	t.Helper()
	i := newIdentity(user, provider, "7")
	if err := s.AddIdentity(t.Context(), i, 0, linkedEntry(user)); err != nil {
		t.Fatal(err)
	}
	return i
}

// addPerson adds a user without a password, who comes from a provider.
func addPerson(t *testing.T, s auth.Store, email, subject string) *auth.User {
	t.Helper()
	u := NewUser(t, email)
	u.PasswordHash = ""
	if err := s.CreateUserWith(t.Context(), u, newIdentity(u.ID, "id", subject), linkedEntry(u.ID)); err != nil {
		t.Fatal(err)
	}
	return u
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if err == nil || fault.Of(err).Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func testHandshakes(t *testing.T, s auth.Store) {
	state := auth.TokenHash(sha256.Sum256([]byte("state")))
	spend := func(at time.Duration) error {
		return s.SpendHandshake(t.Context(), state, start.Add(at), start.Add(at+time.Minute))
	}
	if err := spend(0); err != nil {
		t.Fatal(err)
	}
	if err := spend(time.Second); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second time: got %v, want a conflict", err)
	}
	other := auth.TokenHash(sha256.Sum256([]byte("other")))
	if err := s.SpendHandshake(t.Context(), other, start.Add(time.Hour), start.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := spend(time.Hour); err != nil {
		t.Errorf("what has expired is not forgotten: %v", err)
	}
}

func testHandshakesAtOnce(t *testing.T, s auth.Store) {
	state := auth.TokenHash(sha256.Sum256([]byte("state")))
	var wg sync.WaitGroup
	won := make(chan bool, 8)
	for range cap(won) {
		wg.Go(func() { won <- s.SpendHandshake(t.Context(), state, start, start.Add(time.Minute)) == nil })
	}
	wg.Wait()
	close(won)
	n := 0
	for ok := range won {
		if ok {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d have finished one handshake, want 1", n)
	}
}

func testIdentities(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	github, google := addIdentity(t, s, u.ID, "github"), addIdentity(t, s, u.ID, "google")
	used := start.Add(time.Hour)
	got, err := s.UseIdentity(t.Context(), google.IdentityKey, used)
	if err != nil || got.ID != u.ID {
		t.Fatalf("got %+v, %v, want %s", got, err, u.ID)
	}
	google.UsedAt = used
	all, err := s.Identities(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]auth.Identity{github, google}, all, equalTimes); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if all, err := s.Identities(t.Context(), newID(t)); err != nil || len(all) != 0 {
		t.Errorf("somebody else's: got %v, %v", all, err)
	}
	for name, k := range map[string]auth.IdentityKey{
		"another subject":  {Provider: "google", Issuer: issuer, Subject: "8"},
		"another provider": {Provider: "corp", Issuer: issuer, Subject: "7"},
		"another issuer":   {Provider: "google", Issuer: "https://evil.example.com", Subject: "7"},
	} {
		if _, err := s.UseIdentity(t.Context(), k, used); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: got %v, want not_found", name, err)
		}
	}
}

func testIdentityConflicts(t *testing.T, s auth.Store) {
	u, bob := addPerson(t, s, "ann@example.com", "7"), NewUser(t, "bob@example.com")
	if err := s.CreateUserWith(t.Context(), bob, newIdentity(bob.ID, "id", "7"), linkedEntry(bob.ID)); err == nil {
		t.Error("two accounts have one identity")
	}
	if _, err := s.User(t.Context(), bob.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("the account without a way in: got %v, want not_found", err)
	}
	twin := NewUser(t, "ann@example.com")
	wantCode(t, s.CreateUserWith(t.Context(), twin, newIdentity(twin.ID, "id", "8"), linkedEntry(twin.ID)), "email_taken")
	if _, err := s.UseIdentity(t.Context(), newIdentity(twin.ID, "id", "8").IdentityKey, start); !fault.Is(err, fault.NotFound) {
		t.Errorf("the identity without an account: got %v, want not_found", err)
	}
	if err := s.CreateUser(t.Context(), bob); err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.AddIdentity(t.Context(), newIdentity(bob.ID, "id", "7"), 0, linkedEntry(bob.ID)), "identity_taken")
	wantCode(t, s.AddIdentity(t.Context(), newIdentity(u.ID, "id", "8"), 0, linkedEntry(u.ID)), "identity_exists")
	nobody := newID(t)
	if err := s.AddIdentity(t.Context(), newIdentity(nobody, "id", "9"), 0, linkedEntry(nobody)); !fault.Is(err, fault.NotFound) {
		t.Errorf("nobody's: got %v, want not_found", err)
	}
	entries, err := s.Entries(t.Context(), auth.EntryFilter{Action: auth.IdentityLinked, Limit: 10})
	if err != nil || len(entries) != 1 || entries[0].SubjectID != u.ID {
		t.Errorf("got %+v, %v, want the one that was linked", entries, err)
	}
}

func testRemoveIdentity(t *testing.T, s auth.Store) {
	u := addPerson(t, s, "ann@example.com", "7")
	addIdentity(t, s, u.ID, "gone")
	gone := auth.Entry{Action: auth.IdentityUnlinked, UserID: u.ID, SubjectID: u.ID}
	remove := func(provider string, others ...string) error {
		return s.RemoveIdentity(t.Context(), auth.IdentityRemoval{UserID: u.ID, Provider: provider, Others: others, Entry: gone})
	}
	if err := s.RemoveIdentity(t.Context(), auth.IdentityRemoval{UserID: newID(t), Provider: "id", Entry: gone}); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else: got %v, want not_found", err)
	}
	wantCode(t, remove("id"), "last_way_in") // what is not in the configuration is no way in
	wantCode(t, remove("id", "more"), "last_way_in")
	if err := remove("id", "gone"); err != nil {
		t.Fatal(err)
	}
	if err := remove("id", "gone"); !fault.Is(err, fault.NotFound) {
		t.Errorf("twice: got %v, want not_found", err)
	}
	if err := s.SetPasswordHash(t.Context(), u.ID, "", "hash"); err != nil {
		t.Fatal(err)
	}
	if err := remove("gone"); err != nil {
		t.Errorf("with a password: got %v", err)
	}
	if left, err := s.Identities(t.Context(), u.ID); err != nil || len(left) != 0 {
		t.Errorf("got %v, %v, want none", left, err)
	}
}

func testRemoveIdentitiesAtOnce(t *testing.T, s auth.Store) {
	u := addPerson(t, s, "ann@example.com", "7")
	addIdentity(t, s, u.ID, "second")
	var wg sync.WaitGroup
	for provider, other := range map[string]string{"id": "second", "second": "id"} {
		wg.Go(func() {
			err := s.RemoveIdentity(t.Context(), auth.IdentityRemoval{UserID: u.ID, Provider: provider, Others: []string{other}, Entry: auth.Entry{Action: auth.IdentityUnlinked}})
			if err != nil {
				wantCode(t, err, "last_way_in")
			}
		})
	}
	wg.Wait()
	if left, err := s.Identities(t.Context(), u.ID); err != nil || len(left) != 1 {
		t.Errorf("got %v, %v, want one", left, err)
	}
}

func testHandOver(t *testing.T, s auth.Store) {
	u, other := addUser(t, s), addPerson(t, s, "bob@example.com", "8")
	key := addKey(t, s, u.ID, "ends")
	addSession(t, s, u.ID, "ends")
	addIdentity(t, s, u.ID, "corp")
	ticket := newTicket(u.ID, "reset", u.Email)
	addTicket(t, s, ticket)
	over := auth.Entry{Action: auth.AccountHandedOver, UserID: u.ID, SubjectID: u.ID}
	wantCode(t, s.HandOver(t.Context(), newIdentity(u.ID, "id", "7"), 1, over), "password_changed")
	wantCode(t, s.HandOver(t.Context(), newIdentity(u.ID, "id", "8"), 0, over), "identity_taken")
	if got := theUser(t, s, u.ID); got.PasswordHash == "" || !hasTicket(t, s, ticket) {
		t.Errorf("got %+v, want nothing changed", got)
	}
	if err := s.HandOver(t.Context(), newIdentity(u.ID, "id", "7"), 0, over); err != nil {
		t.Fatal(err)
	}
	if got := theUser(t, s, u.ID); got.PasswordHash != "" || got.Generation != 1 || !got.OwnedAt.Equal(start) {
		t.Errorf("got %+v, want no password, and an owner", got)
	}
	if _, _, err := s.KeyByHash(t.Context(), key.Hash); !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v, want the key gone", err)
	}
	if left := signIns(t, s, u.ID, auth.Cursor{}, 10); len(left) != 0 || hasTicket(t, s, ticket) {
		t.Errorf("%+v or a ticket is left", left)
	}
	if left, err := s.Identities(t.Context(), u.ID); err != nil || len(left) != 1 || left[0].Provider != "id" {
		t.Errorf("got %+v, %v, want the one that it was handed over to", left, err)
	}
	if left, err := s.Identities(t.Context(), other.ID); err != nil || len(left) != 1 {
		t.Errorf("somebody else's: got %+v, %v", left, err)
	}
	for _, a := range []auth.Action{auth.KeyRevoked, auth.IdentityUnlinked, auth.AccountHandedOver} {
		if found, err := s.Entries(t.Context(), auth.EntryFilter{Action: a, SubjectID: u.ID, Limit: 10}); err != nil || len(found) != 1 {
			t.Errorf("%s: got %+v, %v, want one entry", a, found, err)
		}
	}
}
