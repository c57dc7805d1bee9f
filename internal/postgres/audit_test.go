package postgres_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
)

// Whoever has the password of the database for a moment shall not be able to make it look
// as if nothing had been.
func TestAudit_isOnlyAddedTo(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	id := addUser(t, db)
	ok(t, db.AddEntry(t.Context(), auth.Entry{Action: auth.SignedIn, UserID: id, SubjectID: id}))
	for _, query := range []string{
		"DELETE FROM audit",
		"TRUNCATE audit",
		"UPDATE audit SET action = 'something.else'",
		"UPDATE audit SET user_id = NULL, ip = '192.0.2.1'",
	} {
		if _, err := db.SQL().ExecContext(t.Context(), query); err == nil {
			t.Errorf("%s: the log was changed", query)
		}
	}
	if n := readSQL[int](t, db, "SELECT count(*) FROM audit WHERE action = ? AND user_id = ?", auth.SignedIn, id); n != 1 {
		t.Errorf("%d entries are left as they were, want 1", n)
	}
	execSQL(t, db, "ALTER TABLE audit DISABLE TRIGGER audit_stays")
	execSQL(t, db, "UPDATE audit SET at = now() - interval '91 days'")
	execSQL(t, db, "ALTER TABLE audit ENABLE TRIGGER audit_stays")
	execSQL(t, db, "DELETE FROM audit WHERE at < now() - interval '90 days'")
	if n := readSQL[int](t, db, "SELECT count(*) FROM audit"); n != 0 {
		t.Errorf("%d old entries are left, want 0", n)
	}
}

func TestAudit_outlivesTheAccount(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	id := addUser(t, db)
	ok(t, db.AddEntry(t.Context(), auth.Entry{Action: auth.SignedIn, UserID: id, SubjectID: id, IP: "192.0.2.1"}))
	execSQL(t, db, "DELETE FROM users WHERE id = ?", id)
	got, err := db.Entries(t.Context(), auth.EntryFilter{Limit: 10})
	ok(t, err)
	want := []auth.Entry{{Action: auth.SignedIn, IP: "192.0.2.1", Details: map[string]any{}}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(auth.Entry{}, "ID", "At")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
