package authtest

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

func newTicket(user uuid.UUID, token, email string) auth.Ticket {
	return auth.Ticket{
		Hash: sha256.Sum256([]byte(token)), UserID: user, Purpose: auth.ResetPassword, Email: email,
		CreatedAt: start, ExpiresAt: start.Add(time.Hour),
	}
}

func addTicket(t *testing.T, s auth.Store, ticket auth.Ticket) {
	t.Helper()
	if err := s.CreateTicket(t.Context(), ticket); err != nil {
		t.Fatal(err)
	}
}

func hasTicket(t *testing.T, s auth.Store, ticket auth.Ticket) bool {
	t.Helper()
	_, err := s.Ticket(t.Context(), ticket.Hash, ticket.Purpose)
	if err != nil && !fault.Is(err, fault.NotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func theUser(t *testing.T, s auth.Store, id uuid.UUID) *auth.User {
	t.Helper()
	u, err := s.User(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func testTickets(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	want := newTicket(u.ID, "first", u.Email)
	addTicket(t, s, want)
	got, err := s.Ticket(t.Context(), want.Hash, auth.ResetPassword)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got, equalTimes); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if _, err := s.Ticket(t.Context(), want.Hash, auth.VerifyEmail); !fault.Is(err, fault.NotFound) {
		t.Errorf("for another purpose: got %v, want not_found", err)
	}
	later := newTicket(u.ID, "second", u.Email)
	later.CreatedAt, later.ExpiresAt = start.Add(2*time.Hour), start.Add(3*time.Hour)
	addTicket(t, s, later)
	if hasTicket(t, s, want) || !hasTicket(t, s, later) {
		t.Error("the one that has expired is not forgotten, or the other is")
	}
}

func testChangePassword(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	kept, ended := addSession(t, s, u.ID, "kept"), addSession(t, s, u.ID, "ended")
	key := addKey(t, s, u.ID, "goes on")
	addIdentity(t, s, u.ID, "id")
	ticket := newTicket(u.ID, "reset", u.Email)
	addTicket(t, s, ticket)
	waiting := auth.Mail{ID: newID(t), Kind: auth.VerificationMail, To: u.Email, UserID: u.ID, CreatedAt: start}
	queueMails(t, s, waiting, auth.Mail{ID: newID(t), Kind: auth.VerificationMail, To: "ada@example.org", UserID: u.ID, CreatedAt: start})
	change := auth.PasswordChange{
		UserID: u.ID, Old: u.PasswordHash, New: "new", At: start, Keep: kept.FamilyID, Entry: auth.Entry{Action: auth.PasswordChanged, SubjectID: u.ID},
	}
	if err := s.ChangePassword(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	if got := theUser(t, s, u.ID); got.PasswordHash != "new" || got.Generation != 1 || got.Verified() || got.Owned() {
		t.Errorf("got %+v, want the new hash of generation 1, not verified", got)
	}
	if _, _, err := s.KeyByHash(t.Context(), key.Hash); err != nil {
		t.Errorf("a key has ended that was to go on: %v", err)
	}
	if left, err := s.Identities(t.Context(), u.ID); err != nil || len(left) != 1 {
		t.Errorf("got %+v, %v, want the provider still linked", left, err)
	}
	wantCode(t, s.AddIdentity(t.Context(), newIdentity(u.ID, "late", "7"), 0, linkedEntry(u.ID)), "password_changed")
	left := signIns(t, s, u.ID, auth.Cursor{}, 10)
	if len(left) != 1 || left[0].ID != kept.FamilyID {
		t.Errorf("got %+v, want only %s, without %s", left, kept.FamilyID, ended.FamilyID)
	}
	if hasTicket(t, s, ticket) {
		t.Error("a ticket outlives the password")
	}
	if first, second := claim(t, s, start), claim(t, s, start); first == nil || first.ID != waiting.ID || second != nil {
		t.Errorf("got the mails %+v and %+v, want only that to the user's own address", first, second)
	}
	if err := s.ChangePassword(t.Context(), change); !fault.Is(err, fault.Conflict) {
		t.Errorf("from a hash that is gone: got %v, want conflict", err)
	}
	err := s.CreateSession(t.Context(), newSession(t, u.ID, newID(t), "late"), 0)
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("a sign-in with the password before: got %v, want conflict", err)
	}
	entries, err := s.Entries(t.Context(), auth.EntryFilter{Action: auth.PasswordChanged, Limit: 10})
	if err != nil || len(entries) != 1 || entries[0].SubjectID != u.ID {
		t.Errorf("got %+v, %v, want one entry", entries, err)
	}
}

func testChangePasswordAndKeys(t *testing.T, s auth.Store) {
	u, other := addUser(t, s), addMember(t, s, "bob@example.com")
	ended := []*auth.Key{addKey(t, s, u.ID, "first"), addKey(t, s, u.ID, "second")}
	stays := addKey(t, s, other.ID, "of somebody else")
	change := auth.PasswordChange{
		UserID: u.ID, Old: u.PasswordHash, New: "new", At: start, Keys: true, Entry: auth.Entry{Action: auth.PasswordChanged, SubjectID: u.ID, UserID: u.ID, IP: "192.0.2.1"},
	}
	if err := s.ChangePassword(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	for _, k := range ended {
		if _, _, err := s.KeyByHash(t.Context(), k.Hash); !fault.Is(err, fault.NotFound) {
			t.Errorf("got %v, want the key gone", err)
		}
	}
	late := &auth.Key{ID: newID(t), UserID: u.ID, Name: "late", Prefix: "latelate", Hash: hash("late"), Scopes: []auth.Permission{auth.ReadTranscriptions}, CreatedAt: start}
	if err := s.CreateKey(t.Context(), late, 0, auth.Entry{Action: auth.KeyCreated, SubjectID: u.ID}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a key of who was signed in before: got %v, want conflict", err)
	}
	if err := s.CreateKey(t.Context(), late, 1, auth.Entry{Action: auth.KeyCreated, SubjectID: u.ID}); err != nil {
		t.Errorf("a key of who has signed in since: %v", err)
	}
	if _, _, err := s.KeyByHash(t.Context(), stays.Hash); err != nil {
		t.Errorf("somebody else's key: %v", err)
	}
	entries, err := s.Entries(t.Context(), auth.EntryFilter{Action: auth.KeyRevoked, Limit: 10})
	if err != nil || len(entries) != 2 || entries[0].SubjectID != u.ID || entries[0].IP != "192.0.2.1" || entries[0].Details["prefix"] != ended[0].Prefix {
		t.Errorf("got %+v, %v, want an entry for each", entries, err)
	}
}

func testChangePasswordByTicket(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	addSession(t, s, u.ID, "ended")
	addIdentity(t, s, u.ID, "id")
	addIdentity(t, s, u.ID, "corp")
	ticket, other := newTicket(u.ID, "reset", u.Email), newTicket(u.ID, "other", u.Email)
	addTicket(t, s, ticket)
	addTicket(t, s, other)
	change := auth.PasswordChange{
		UserID: u.ID, Old: u.PasswordHash, New: "new", At: start, Ticket: &ticket.Hash, Entry: auth.Entry{Action: auth.PasswordChanged, SubjectID: u.ID},
	}
	if err := s.ChangePassword(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	if got := theUser(t, s, u.ID); !got.VerifiedAt.Equal(start) || got.PasswordHash != "new" || !got.OwnedAt.Equal(start) {
		t.Errorf("got %+v, want the new hash and the address verified", got)
	}
	if left := signIns(t, s, u.ID, auth.Cursor{}, 10); len(left) != 0 || hasTicket(t, s, ticket) || hasTicket(t, s, other) {
		t.Errorf("%+v or tickets are left", left)
	}
	if left, err := s.Identities(t.Context(), u.ID); err != nil || len(left) != 0 {
		t.Errorf("got %+v, %v, want no other way in", left, err)
	}
	entries, err := s.Entries(t.Context(), auth.EntryFilter{Action: auth.IdentityUnlinked, Limit: 10})
	if err != nil || len(entries) != 2 || entries[0].SubjectID != u.ID || entries[0].Details["provider"] == entries[1].Details["provider"] {
		t.Errorf("got %+v, %v, want an entry for each", entries, err)
	}
	change.Old, change.New = "new", "newer"
	if err := s.ChangePassword(t.Context(), change); !fault.Is(err, fault.NotFound) {
		t.Errorf("with a used ticket: got %v, want not_found", err)
	}
	if got := theUser(t, s, u.ID); got.PasswordHash != "new" {
		t.Errorf("got hash %q, want that it stays", got.PasswordHash)
	}
}

// testSignInWhileChanging races a sign-in that knows the old password with the change of
// it: no session of the old password may be left alive.
func testSignInWhileChanging(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	hash := u.PasswordHash
	for generation := range 20 {
		fresh := newID(t).String()
		session := newSession(t, u.ID, newID(t), fresh)
		errs := make(chan error, 2)
		go func() { errs <- s.CreateSession(t.Context(), session, generation) }()
		go func() {
			errs <- s.ChangePassword(t.Context(), auth.PasswordChange{
				UserID: u.ID, Old: hash, New: fresh, At: start, Entry: auth.Entry{Action: auth.PasswordChanged, SubjectID: u.ID},
			})
		}()
		for range cap(errs) {
			if err := <-errs; err != nil && !fault.Is(err, fault.Conflict) {
				t.Fatal(err)
			}
		}
		if left := signIns(t, s, u.ID, auth.Cursor{}, 10); len(left) > 0 {
			t.Fatalf("%+v lives on with the password of before", left)
		}
		hash = fresh
	}
}

func testVerifyEmail(t *testing.T, s auth.Store) {
	u, other := addUser(t, s), NewUser(t, "bob@example.com")
	if err := s.CreateUser(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	entry := auth.Entry{Action: auth.EmailVerified, SubjectID: u.ID}
	own, next, taken := newTicket(u.ID, "own", u.Email), newTicket(u.ID, "next", "ada@example.org"), newTicket(u.ID, "taken", other.Email)
	for _, ticket := range []auth.Ticket{own, next, taken} {
		addTicket(t, s, ticket)
	}
	queueMails(t, s, auth.Mail{ID: newID(t), Kind: auth.VerificationMail, To: u.Email, UserID: u.ID, CreatedAt: start})
	if err := s.VerifyEmail(t.Context(), auth.Verification{Ticket: own, At: start, Entry: entry}); err != nil {
		t.Fatal(err)
	}
	if got := theUser(t, s, u.ID); !got.VerifiedAt.Equal(start) || got.Email != u.Email {
		t.Errorf("got %+v, want it verified", got)
	}
	if err := s.VerifyEmail(t.Context(), auth.Verification{Ticket: own, At: start, Entry: entry}); !fault.Is(err, fault.NotFound) {
		t.Errorf("again: got %v, want not_found", err)
	}
	err := s.VerifyEmail(t.Context(), auth.Verification{Ticket: taken, At: start, Entry: entry})
	if !fault.Is(err, fault.Conflict) || fault.Of(err).Code != "email_taken" || !hasTicket(t, s, next) {
		t.Errorf("somebody else's: got %v, want conflict email_taken, and nothing changed", err)
	}
	if err := s.VerifyEmail(t.Context(), auth.Verification{Ticket: next, At: start.Add(time.Minute), Entry: entry}); err != nil {
		t.Fatal(err)
	}
	if got := theUser(t, s, u.ID); got.Email != "ada@example.org" || !got.VerifiedAt.Equal(start.Add(time.Minute)) {
		t.Errorf("got %+v, want the other address", got)
	}
	if hasTicket(t, s, taken) {
		t.Error("what was sent to an address before still works")
	}
	if m := claim(t, s, start); m != nil {
		t.Errorf("%+v is still to be sent to the address before", m)
	}
}

// testOwned: who has the password as well owns the account, until it gets another address.
func testOwned(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	for i, tt := range []struct {
		email       string
		proved      bool
		owned       bool
		description string
	}{
		{u.Email, false, false, "without the password"},
		{u.Email, true, true, "with the password"},
		{u.Email, false, true, "once more without"},
		{"ada@example.org", false, false, "another address"},
		{"ada@example.net", true, true, "another address with the password"},
	} {
		ticket := newTicket(u.ID, tt.description, tt.email)
		addTicket(t, s, ticket)
		v := auth.Verification{Ticket: ticket, At: start.Add(time.Duration(i) * time.Minute), Owned: tt.proved, Entry: auth.Entry{Action: auth.EmailVerified, SubjectID: u.ID}}
		if err := s.VerifyEmail(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		if got := theUser(t, s, u.ID); got.Owned() != tt.owned {
			t.Errorf("%s: got %s, want %t", tt.description, got.OwnedAt, tt.owned)
		}
	}
}

func queueMails(t *testing.T, s auth.Store, mails ...auth.Mail) {
	t.Helper()
	for _, m := range mails {
		if err := s.QueueMail(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
}

// claim returns the next mail that is due, nil when none is.
func claim(t *testing.T, s auth.Store, now time.Time) *auth.Mail {
	t.Helper()
	m, err := s.ClaimMail(t.Context(), now, func(attempts int) time.Time { return now.Add(time.Minute << attempts) })
	if err != nil && !fault.Is(err, fault.NotFound) {
		t.Fatal(err)
	}
	return m
}

func testMails(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	queueMails(t, s,
		auth.Mail{ID: newID(t), Kind: auth.ResetMail, To: "nobody@example.com", CreatedAt: start},
		auth.Mail{ID: newID(t), Kind: auth.ResetMail, To: "nobody@example.com", CreatedAt: start}, // the first still waits
		auth.Mail{ID: newID(t), Kind: auth.VerificationMail, To: "nobody@example.com", UserID: u.ID, CreatedAt: start.Add(time.Second)},
	)
	now := start.Add(time.Minute)
	first, second := claim(t, s, now), claim(t, s, now)
	if first == nil || first.Kind != auth.ResetMail || first.Attempts != 1 || first.UserID != uuid.Nil || first.To != "nobody@example.com" {
		t.Fatalf("got %+v, want the first", first)
	}
	if second == nil || second.Kind != auth.VerificationMail || second.UserID != u.ID {
		t.Fatalf("got %+v, want the other", second)
	}
	if third := claim(t, s, now); third != nil {
		t.Fatalf("got %+v, want nothing while both are being sent", third)
	}
	if err := s.FinishMail(t.Context(), second.ID, now); err != nil {
		t.Fatal(err)
	}
	again := claim(t, s, now.Add(time.Minute))
	if again == nil || again.ID != first.ID || again.Attempts != 2 {
		t.Fatalf("got %+v, want the first once more", again)
	}
	if third := claim(t, s, now.Add(2*time.Minute)); third != nil {
		t.Fatalf("got %+v, want a longer pause", third)
	}
}

// testMailLimit asks for mail over and over, as somebody would to fill a mailbox.
func testMailLimit(t *testing.T, s auth.Store) {
	sent := func(from time.Time) (n int) {
		for i := range 3 * auth.MailsPerHour {
			at := from.Add(time.Duration(i) * time.Second)
			err := s.QueueMail(t.Context(), auth.Mail{ID: newID(t), Kind: auth.ResetMail, To: "ada@example.com", CreatedAt: at})
			m := claim(t, s, at)
			if m != nil {
				n++
				err = errors.Join(err, s.FinishMail(t.Context(), m.ID, at))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	if got := sent(start); got != auth.MailsPerHour {
		t.Errorf("got %d mails in an hour, want %d", got, auth.MailsPerHour)
	}
	if got := sent(start.Add(2 * time.Hour)); got != auth.MailsPerHour {
		t.Errorf("later: got %d mails, want %d", got, auth.MailsPerHour)
	}
}
