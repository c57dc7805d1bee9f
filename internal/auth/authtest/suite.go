package authtest

import (
	"crypto/sha256"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// TestStore checks that a store keeps the promises of auth.Store. Open returns a
// store without users; it is called once per test.
func TestStore(t *testing.T, open func(t *testing.T) auth.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, auth.Store){
		"a handshake is finished once":          testHandshakes,
		"of many who finish one, one does":      testHandshakesAtOnce,
		"identities belong to one issuer":       testIdentities,
		"identities belong to one user":         testIdentityConflicts,
		"the last way in stays":                 testRemoveIdentity,
		"an account is handed over":             testHandOver,
		"of two ways in one stays":              testRemoveIdentitiesAtOnce,
		"keys are found by hash":                testKeys,
		"keys belong to one user":               testKeysOfOthers,
		"one has so many keys":                  testKeyLimit,
		"the use of a key is recorded":          testUseKey,
		"the audit log tells everything":        testAudit,
		"the audit log is filtered":             testAuditFilter,
		"users are found by id and by address":  testUsers,
		"an address belongs to one user":        testEmailTaken,
		"a role is changed":                     testSetRole,
		"who is disabled is signed out":         testDisable,
		"changes are in the audit log":          testChangesAudited,
		"users are listed":                      testListUsers,
		"every role has its rights":             testRights,
		"rights end with the sign-in":           testRightsEnd,
		"the last administrator stays":          testLastAdmin,
		"of two administrators one stays":       testLastAdminAtOnce,
		"a hash is replaced only if it is old":  testSetPasswordHash,
		"sessions are found by token":           testSessions,
		"rotating replaces once":                testRotate,
		"of many rotations one wins":            testRotateAtOnce,
		"a revoked family stays revoked":        testRevoke,
		"revoking reaches a rotation under way": testRevokeWhileRotating,
		"sign-ins are listed in pages":          testSignIns,
		"a sign-in is ended by its owner only":  testEndSignIn,
		"all sign-ins but one are ended":        testEndSignIns,
		"tickets are good for one purpose":      testTickets,
		"a new password ends what was before":   testChangePassword,
		"a new password ends keys if asked to":  testChangePasswordAndKeys,
		"a ticket changes a password once":      testChangePasswordByTicket,
		"no sign-in slips by a new password":    testSignInWhileChanging,
		"an address is verified once":           testVerifyEmail,
		"an account is owned with both":         testOwned,
		"mails are sent one by one":             testMails,
		"a factor is confirmed once":            testFactors,
		"a factor ends other sign-ins":          testFactorChanges,
		"a step is spent once":                  testSpendStep,
		"of many who spend a step, one does":    testSpendStepAtOnce,
		"recovery codes are spent once":         testRecoveryCodes,
		"there are roles":                       testRoles,
		"an address gets so many mails an hour": testMailLimit,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// start is when the tests happen. Stores may keep microseconds only.
var start = time.Date(2026, 3, 1, 12, 0, 0, 123000, time.UTC)

var equalTimes = cmpopts.EquateApproxTime(0)

// NewUser returns a user of that address that is in no store yet.
func NewUser(t *testing.T, email string) *auth.User {
	t.Helper()
	return &auth.User{ID: newID(t), Email: email, PasswordHash: "hash of " + email, Role: auth.Member, CreatedAt: start}
}

func newID(t *testing.T) uuid.UUID {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func newSession(t *testing.T, user, family uuid.UUID, token string) *auth.Session {
	t.Helper()
	return &auth.Session{
		ID: newID(t), FamilyID: family, UserID: user, TokenHash: sha256.Sum256([]byte(token)),
		CreatedAt: start, ExpiresAt: start.Add(time.Hour), BeganAt: start,
		Client: auth.Client{IP: "192.0.2.1", UserAgent: "curl/8"},
	}
}

func addUser(t *testing.T, s auth.Store) *auth.User {
	t.Helper()
	u := NewUser(t, "ada@example.com")
	if err := s.CreateUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	return u
}

func addSession(t *testing.T, s auth.Store, user uuid.UUID, token string) *auth.Session {
	t.Helper()
	session := newSession(t, user, newID(t), token)
	if err := s.CreateSession(t.Context(), session, 0); err != nil {
		t.Fatal(err)
	}
	return session
}

func testUsers(t *testing.T, s auth.Store) {
	want := addUser(t, s)
	byID, err := s.User(t.Context(), want.ID)
	if err != nil {
		t.Fatal(err)
	}
	byEmail, err := s.UserByEmail(t.Context(), want.Email)
	if err != nil {
		t.Fatal(err)
	}
	for how, got := range map[string]*auth.User{"id": byID, "address": byEmail} {
		if diff := cmp.Diff(want, got, equalTimes); diff != "" {
			t.Errorf("by %s: -want +got\n%s", how, diff)
		}
	}
	if _, err := s.User(t.Context(), newID(t)); !fault.Is(err, fault.NotFound) {
		t.Errorf("unknown id: got %v, want not_found", err)
	}
	if _, err := s.UserByEmail(t.Context(), "nobody@example.com"); !fault.Is(err, fault.NotFound) {
		t.Errorf("unknown address: got %v, want not_found", err)
	}
}

func testEmailTaken(t *testing.T, s auth.Store) {
	first := addUser(t, s)
	err := s.CreateUser(t.Context(), NewUser(t, first.Email))
	if !fault.Is(err, fault.Conflict) || fault.Of(err).Code != "email_taken" {
		t.Errorf("got %v, want conflict email_taken", err)
	}
}

func testSetRole(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	if err := setRole(t, s, u.ID, auth.Admin); err != nil {
		t.Fatal(err)
	}
	got, err := s.User(t.Context(), u.ID)
	if err != nil || got.Role != auth.Admin {
		t.Errorf("got %+v, %v, want an administrator", got, err)
	}
	if err := setRole(t, s, newID(t), auth.Admin); !fault.Is(err, fault.NotFound) {
		t.Errorf("unknown user: got %v, want not_found", err)
	}
	if err := setRole(t, s, u.ID, "root"); !fault.Is(err, fault.Invalid) || fault.Of(err).Code != "unknown_role" {
		t.Errorf("unknown role: got %v, want invalid unknown_role", err)
	}
}

func setRole(t *testing.T, s auth.Store, id uuid.UUID, r auth.Role) error {
	t.Helper()
	_, err := s.ChangeUser(t.Context(), id, auth.UserChange{At: start, Role: &r}, auth.Entry{})
	return err
}

func testRights(t *testing.T, s auth.Store) {
	addAdmin(t, s, "root@example.com")
	u := addUser(t, s)
	session := addSession(t, s, u.ID, "token")
	for role, may := range Roles {
		if err := setRole(t, s, u.ID, role); err != nil {
			t.Fatal(err)
		}
		got, err := s.Rights(t.Context(), u.ID, session.FamilyID)
		if err != nil {
			t.Fatal(err)
		}
		want := auth.Rights{Email: u.Email, Role: role, Permissions: may, Until: session.ExpiresAt}
		if diff := cmp.Diff(want, got, equalTimes, cmpopts.SortSlices(func(a, b auth.Permission) bool { return a < b })); diff != "" {
			t.Errorf("%s: -want +got\n%s", role, diff)
		}
	}
	if _, err := s.Rights(t.Context(), newID(t), session.FamilyID); !fault.Is(err, fault.NotFound) {
		t.Errorf("unknown user: got %v, want not_found", err)
	}
}

func testRightsEnd(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	mine, other := addSession(t, s, u.ID, "token"), addSession(t, s, u.ID, "other")
	stranger := NewUser(t, "bob@example.com")
	if err := s.CreateUser(t.Context(), stranger); err != nil {
		t.Fatal(err)
	}
	next := newSession(t, u.ID, mine.FamilyID, "second")
	next.ExpiresAt = mine.ExpiresAt.Add(time.Hour)
	if err := s.RotateSession(t.Context(), mine.ID, next); err != nil {
		t.Fatal(err)
	}
	if err := s.RevokeFamily(t.Context(), other.FamilyID, start); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		user, session uuid.UUID
		until         time.Time
	}{
		"replaced":       {u.ID, mine.FamilyID, next.ExpiresAt},
		"ended":          {u.ID, other.FamilyID, time.Time{}},
		"unknown":        {u.ID, newID(t), time.Time{}},
		"somebody elses": {stranger.ID, mine.FamilyID, time.Time{}},
	} {
		if got, err := s.Rights(t.Context(), tt.user, tt.session); err != nil || !got.Until.Equal(tt.until) {
			t.Errorf("%s: got %+v, %v, want it until %s", name, got, err, tt.until)
		}
	}
}

func addAdmin(t *testing.T, s auth.Store, email string) *auth.User {
	t.Helper()
	u := NewUser(t, email)
	u.Role = auth.Admin
	if err := s.CreateUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	return u
}

func testLastAdmin(t *testing.T, s auth.Store) {
	root := addAdmin(t, s, "root@example.com")
	addUser(t, s)
	if err := setRole(t, s, root.ID, auth.Admin); err != nil {
		t.Errorf("an administrator made one: %v", err)
	}
	if err := setRole(t, s, root.ID, auth.Member); !fault.Is(err, fault.Conflict) || fault.Of(err).Code != "last_admin" {
		t.Errorf("got %v, want conflict last_admin", err)
	}
	addAdmin(t, s, "second@example.com")
	if err := setRole(t, s, root.ID, auth.Member); err != nil {
		t.Errorf("one of two: %v", err)
	}
}

// testLastAdminAtOnce has two administrators demoted at the same moment: each sees the
// other still there.
func testLastAdminAtOnce(t *testing.T, s auth.Store) {
	admins := []*auth.User{addAdmin(t, s, "root@example.com"), addAdmin(t, s, "second@example.com")}
	for range 20 {
		errs := make(chan error, len(admins))
		for _, u := range admins {
			go func() { errs <- setRole(t, s, u.ID, auth.Member) }()
		}
		refused := 0
		for range admins {
			switch err := <-errs; {
			case err == nil:
			case fault.Of(err).Code == "last_admin":
				refused++
			default:
				t.Fatal(err)
			}
		}
		if refused != 1 {
			t.Fatalf("%d of two were kept, want 1", refused)
		}
		for _, u := range admins {
			if err := setRole(t, s, u.ID, auth.Admin); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func testSetPasswordHash(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	for _, step := range []struct{ old, hash, want string }{
		{u.PasswordHash, "second", "second"},
		{u.PasswordHash, "third", "second"}, // the hash was changed meanwhile
	} {
		if err := s.SetPasswordHash(t.Context(), u.ID, step.old, step.hash); err != nil {
			t.Fatal(err)
		}
		if got, err := s.User(t.Context(), u.ID); err != nil || got.PasswordHash != step.want {
			t.Errorf("got %+v, %v, want hash %s", got, err, step.want)
		}
	}
}

func testSessions(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	want := addSession(t, s, u.ID, "token")
	got, err := s.SessionByToken(t.Context(), want.TokenHash)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, equalTimes); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if _, err := s.SessionByToken(t.Context(), auth.TokenHash{1}); !fault.Is(err, fault.NotFound) {
		t.Errorf("unknown token: got %v, want not_found", err)
	}
}

func testRotate(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	old := addSession(t, s, u.ID, "first")
	next := newSession(t, u.ID, old.FamilyID, "second")
	next.CreatedAt = start.Add(time.Minute)
	if err := s.RotateSession(t.Context(), old.ID, next); err != nil {
		t.Fatal(err)
	}
	got, err := s.SessionByToken(t.Context(), old.TokenHash)
	if err != nil || !got.ReplacedAt.Equal(next.CreatedAt) {
		t.Errorf("got %+v, %v, want it replaced at %s", got, err, next.CreatedAt)
	}
	if got, err = s.SessionByToken(t.Context(), next.TokenHash); err != nil || !got.ReplacedAt.IsZero() || got.FamilyID != old.FamilyID {
		t.Errorf("got %+v, %v, want a new session of the family", got, err)
	}
	third := newSession(t, u.ID, old.FamilyID, "third")
	if err := s.RotateSession(t.Context(), old.ID, third); !fault.Is(err, fault.Conflict) {
		t.Errorf("second rotation: got %v, want conflict", err)
	}
	if _, err := s.SessionByToken(t.Context(), third.TokenHash); !fault.Is(err, fault.NotFound) {
		t.Errorf("a refused rotation left a session: %v", err)
	}
}

func testRotateAtOnce(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	old := addSession(t, s, u.ID, "first")
	errs := make(chan error, 8)
	for range cap(errs) {
		next := newSession(t, u.ID, old.FamilyID, newID(t).String())
		go func() { errs <- s.RotateSession(t.Context(), old.ID, next) }()
	}
	won := 0
	for range cap(errs) {
		switch err := <-errs; {
		case err == nil:
			won++
		case !fault.Is(err, fault.Conflict):
			t.Errorf("got %v, want conflict", err)
		}
	}
	if won != 1 {
		t.Errorf("%d rotations succeeded, want 1", won)
	}
}

func testRevoke(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	old, other := addSession(t, s, u.ID, "first"), addSession(t, s, u.ID, "other")
	for range 2 {
		if err := s.RevokeFamily(t.Context(), old.FamilyID, start.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.SessionByToken(t.Context(), old.TokenHash); err != nil || !got.RevokedAt.Equal(start.Add(time.Minute)) {
		t.Errorf("got %+v, %v, want it revoked", got, err)
	}
	if got, err := s.SessionByToken(t.Context(), other.TokenHash); err != nil || !got.RevokedAt.IsZero() {
		t.Errorf("got %+v, %v, want the other family alive", got, err)
	}
	if err := s.RotateSession(t.Context(), old.ID, newSession(t, u.ID, old.FamilyID, "second")); !fault.Is(err, fault.Conflict) {
		t.Errorf("rotating a revoked session: got %v, want conflict", err)
	}
	if err := s.RevokeFamily(t.Context(), newID(t), start); err != nil {
		t.Errorf("revoking an unknown family: %v", err)
	}
}

// testRevokeWhileRotating races a reuse that ends the family with the refresh of
// the very thief: the session that the refresh inserts must not survive.
func testRevokeWhileRotating(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	for range 20 {
		old := addSession(t, s, u.ID, newID(t).String())
		next := newSession(t, u.ID, old.FamilyID, newID(t).String())
		var both sync.WaitGroup
		both.Go(func() {
			if err := s.RotateSession(t.Context(), old.ID, next); err != nil && !fault.Is(err, fault.Conflict) {
				t.Errorf("rotate: %v", err)
			}
		})
		both.Go(func() {
			if err := s.RevokeFamily(t.Context(), old.FamilyID, start); err != nil {
				t.Errorf("revoke: %v", err)
			}
		})
		both.Wait()
		got, err := s.SessionByToken(t.Context(), next.TokenHash)
		if err == nil && got.RevokedAt.IsZero() {
			t.Fatal("the session inserted at the same moment lives on")
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			t.Fatal(err)
		}
	}
}
