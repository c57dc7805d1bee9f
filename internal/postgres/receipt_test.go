package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/privacy/privacytest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// registry is the database with those who have accounts.
type registry struct {
	*postgres.DB
	t *testing.T
}

func (r registry) Person(t *testing.T, role auth.Role) uuid.UUID {
	id := addUser(t, r.DB)
	execSQL(t, r.DB, "UPDATE users SET role = ? WHERE id = ?", role, id)
	return id
}

func (r registry) There(t *testing.T, id uuid.UUID) bool {
	return readSQL[bool](t, r.DB, "SELECT EXISTS (SELECT FROM users WHERE id = ?)", id)
}

func (r registry) Later() {
	execSQL(r.t, r.DB, "UPDATE receipts SET deleted_at = deleted_at - interval '1 day', next_at = next_at - interval '1 day'")
}

func TestDB_receipts(t *testing.T) {
	t.Parallel()
	privacytest.TestStore(t, func(t *testing.T) privacytest.World { return registry{pgtest.New(t), t} })
}

// everywhere lists all that can hold a text, an id or bytes, as expressions of text.
const everywhere = `SELECT format('SELECT %L, count(*) FROM %I.%I AS t WHERE strpos(lower(coalesce(t.%I::text, '''')), lower(%L)) > 0',
		table_name || '.' || column_name, table_schema, table_name, column_name, ?::text)
	FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1`

// holds returns the columns that a text is in.
func holds(t *testing.T, db *postgres.DB, text string) (found []string) {
	t.Helper()
	var queries []string
	ok(t, db.SQL().NewRaw(everywhere, text).Scan(t.Context(), &queries))
	for _, q := range queries {
		var name string
		var n int
		ok(t, db.SQL().QueryRowContext(t.Context(), q).Scan(&name, &n))
		if n > 0 {
			found = append(found, name)
		}
	}
	return found
}

// leaver is a person with something of everything.
func leaver(t *testing.T, db *postgres.DB) (id uuid.UUID, traces map[string]string) {
	t.Helper()
	ctx := t.Context()
	id = addUser(t, db)
	tr := prepare(t, db, id, 1)
	said := result(chunk(tr.Ref(), id, 0))
	said.Segments[0].Text = "What the leaver has said."
	ok(t, db.FinishChunk(ctx, claim(t, db, tr.Ref(), pipeline.Transcribe, 0), said))
	ok(t, db.CancelTranscription(ctx, id, addTranscription(t, db, id).ID))
	lost := newID(t)
	ok(t, db.BeginUpload(ctx, id, lost))
	key := &auth.Key{ID: newID(t), UserID: id, Name: "leaver's key", Prefix: "zqxjkvbp", Scopes: []auth.Permission{auth.ReadTranscriptions}, CreatedAt: time.Now()}
	ok(t, db.CreateKey(ctx, key, 0, auth.Entry{
		Action: auth.KeyCreated, UserID: id, SubjectID: id, IP: "198.51.100.77", RequestID: "request-of-leaver", Details: key.Facts(),
	}))
	outer := &transcription.Folder{ID: newID(t), OwnerID: id, Name: "leaver's folder"}
	ok(t, db.CreateFolder(ctx, outer))
	inner := &transcription.Folder{ID: newID(t), OwnerID: id, ParentID: outer.ID, Name: "inner"}
	ok(t, db.CreateFolder(ctx, inner))
	execSQL(t, db, "UPDATE transcriptions SET folder_id = ?, tags = '{leavers_tag}' WHERE id = ?", inner.ID, tr.ID)
	link := &transcription.Link{ID: newID(t), TranscriptionID: tr.ID, Label: "leaver's link", Access: transcription.ToEdit}
	ok(t, db.CreateLink(ctx, id, link))
	address := id.String() + "@example.com"
	execSQL(t, db, "UPDATE users SET verified_at = now() WHERE id = ?", id)
	ok(t, db.PutShare(ctx, id, &transcription.Share{ID: newID(t), Target: transcription.Target{FolderID: outer.ID}, Email: "friend-of-leaver@example.com", Access: transcription.ToRead}))
	theirs := complete(t, db, addUser(t, db))
	ok(t, db.PutShare(ctx, theirs.OwnerID, &transcription.Share{ID: newID(t), Target: transcription.Target{TranscriptionID: theirs.ID}, Email: address, Access: transcription.ToEdit}))
	read, err := db.Transcription(ctx, id, theirs.ID)
	ok(t, err)
	ok(t, db.Revise(ctx, id, theirs.ID, transcription.Change{
		Kind: transcription.ByEdit, By: transcription.Actor{Kind: transcription.ByUser, Name: id.String()}, Splices: []transcription.Splice{{At: 0, Old: read.Segments[:1]}},
	}))
	_, err = db.PauseQueue(ctx, id, "merge")
	ok(t, err)
	session := &auth.Session{ID: newID(t), FamilyID: newID(t), UserID: id, CreatedAt: time.Now(), BeganAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
	session.Client = auth.Client{IP: "198.51.100.77", UserAgent: "leaver's browser"}
	ok(t, db.CreateSession(ctx, session, 0))
	ok(t, db.AddEntry(ctx, auth.Entry{Action: auth.SignInRefused, SubjectID: id, IP: "198.51.100.77"}))
	addFactor(t, people(t, db), id)
	code := readSQL[string](t, db, "SELECT hash::text FROM recovery_codes WHERE factor_id = (SELECT id FROM factors WHERE user_id = ?)", id)
	ok(t, db.QueueMail(ctx, auth.Mail{ID: newID(t), Kind: auth.ResetMail, To: address, CreatedAt: time.Now()}))
	return id, map[string]string{
		"e-mail address": address, "folder": "leaver's folder", "tag": "leavers_tag", "link": link.ID.String(), "label": "leaver's link", "friend": "friend-of-leaver@example.com",
		"account": id.String(), "transcription": tr.ID.String(), "upload": lost.String(), "key": key.ID.String(), "prefix": "zqxjkvbp",
		"session": session.FamilyID.String(), "address": "198.51.100.77", "request": "request-of-leaver", "browser": "leaver's browser", "recovery code": code, "text": "What the leaver has said.",
	}
}

// A person who leaves is in no column of any table afterwards, but by the receipt until
// the objects are gone, too; all the others are as they were.
func TestDB_DeleteAccount_leavesNothing(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	admin, stays := addUser(t, db), addUser(t, db)
	kept := addTranscription(t, db, stays)
	id, traces := leaver(t, db)
	ok(t, db.AddEntry(ctx, auth.Entry{Action: auth.RoleChanged, UserID: admin, SubjectID: id, IP: "192.0.2.99"}))
	for what, text := range traces {
		if len(holds(t, db, text)) == 0 {
			t.Errorf("%s: the scan does not find %q, which is there", what, text)
		}
	}
	receipt := uuid.New()
	r, err := db.DeleteAccount(ctx, id, receipt, auth.Entry{Action: auth.AccountDeleted, UserID: admin, Details: map[string]any{"receipt": receipt.String()}})
	ok(t, err)
	want := map[string]int{"transcriptions": 2, "recordings": 2, "revisions": 0, "events": r.Counts["events"], "webhooks": 0, "deliveries": 0, "sessions": 1, "apiKeys": 1, "folders": 2, "links": 1, "batches": 0, "shares": 2}
	if diff := cmp.Diff(want, r.Counts); diff != "" || r.Counts["events"] < 4 {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"receipts.owner_id"}, holds(t, db, id.String())); diff != "" {
		t.Errorf("until it is verified: -want +got\n%s", diff)
	}
	registry{db, t}.Later()
	gone, err := db.Departures(ctx, 10)
	ok(t, err)
	ok(t, db.Searched(ctx, gone[0], false))
	for what, text := range traces {
		if found := holds(t, db, text); len(found) > 0 {
			t.Errorf("%s: %q is left in %s", what, text, strings.Join(found, ", "))
		}
	}
	if n := readSQL[int](t, db, "SELECT count(*) FROM audit WHERE action = ? AND user_id = ? AND ip = '192.0.2.99'", auth.RoleChanged, admin); n != 1 {
		t.Error("what an administrator did is not in the audit log any more")
	}
	if _, err := db.Transcription(ctx, stays, kept.ID); err != nil {
		t.Errorf("somebody else's: %v", err)
	}
}

// An upload that began before the account was deleted ends, and none begins after.
func TestDB_DeleteAccount_endsUploads(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	id := addUser(t, db)
	tr := newTranscription(t, id)
	ok(t, db.BeginUpload(ctx, id, tr.ID))
	ok(t, db.KnowsOwner(ctx, id))
	_, err := db.DeleteAccount(ctx, id, uuid.New(), auth.Entry{Action: auth.AccountDeleted})
	ok(t, err)
	for what, err := range map[string]error{
		"goes on": db.KnowsOwner(ctx, id), "ends": db.CreateTranscription(ctx, tr), "begins": db.BeginUpload(ctx, id, newID(t)),
	} {
		if !fault.Is(err, fault.Unauthenticated) || fault.Of(err).Code != "account_gone" {
			t.Errorf("an upload %s: got %v, want account_gone", what, err)
		}
	}
	ok(t, db.ForgetUpload(ctx, id, tr.ID))
}

// Whatever is begun for an account at the moment it is deleted is deleted with it or
// refused, and nothing of it stays.
func TestDB_DeleteAccount_beside(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	for range 10 {
		id := addUser(t, db)
		busy := prepare(t, db, id, 2)
		lease := claim(t, db, busy.Ref(), pipeline.Transcribe, 0)
		created := make(chan error, 1)
		finished := make(chan error, 1)
		go func() { created <- db.CreateTranscription(ctx, newTranscription(t, id)) }()
		go func() { finished <- db.FinishChunk(ctx, lease, result(chunk(busy.Ref(), id, 0))) }()
		_, err := db.DeleteAccount(ctx, id, uuid.New(), auth.Entry{Action: auth.AccountDeleted})
		ok(t, err)
		if err := <-created; err != nil && !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("created: %v", err)
		}
		if err := <-finished; err != nil {
			wantGone(t, err)
		}
		if found := holds(t, db, id.String()); len(found) != 1 {
			t.Errorf("it is in %v", found)
		}
	}
}

// An account that is there is never swept, whatever has come into the table.
func TestDB_Departures_ofTheLiving(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	execSQL(t, db, "INSERT INTO receipts (id, counts, owner_id) VALUES (?, '{}', ?)", uuid.New(), addUser(t, db))
	found, err := db.Departures(t.Context(), 10)
	if err != nil || len(found) > 0 {
		t.Errorf("got %v, %v, want none", found, err)
	}
}

// What is there is not gone.
func TestDB_Gone(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	there, gone := addTranscription(t, db, addUser(t, db)), newID(t)
	got, err := db.Gone(ctx, []uuid.UUID{there.ID, gone})
	ok(t, err)
	if diff := cmp.Diff([]uuid.UUID{gone}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	got, err = db.Gone(ctx, nil)
	if err != nil || len(got) > 0 {
		t.Errorf("of none: got %v, %v", got, err)
	}
}

// The audit log gives up what tells of an account only when that is taken out of it.
func TestDB_audit_givesUpNothingElse(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	id := addUser(t, db)
	ok(t, db.AddEntry(ctx, auth.Entry{Action: auth.SignedIn, UserID: id, SubjectID: id, IP: "192.0.2.1", RequestID: "r", Details: map[string]any{"prefix": "a", "scopes": "b"}}))
	for _, set := range []string{
		"ip = ''", "request_id = ''", "details = details - 'prefix'", "user_id = NULL, ip = '192.0.2.2'", "user_id = NULL, request_id = 'other'",
		"user_id = NULL, details = '{}'", "user_id = NULL, action = 'other'", "subject_id = NULL, at = now()",
	} {
		if _, err := db.SQL().NewRaw("UPDATE audit SET " + set).Exec(ctx); err == nil {
			t.Errorf("%s: it is changed", set)
		}
	}
	execSQL(t, db, "UPDATE audit SET user_id = NULL, ip = '', request_id = '', details = details - 'prefix'")
}
