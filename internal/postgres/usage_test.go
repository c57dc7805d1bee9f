package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func used(t *testing.T, db *postgres.DB, owner uuid.UUID) transcription.Usage {
	t.Helper()
	u, _, err := db.Usage(t.Context(), owner)
	ok(t, err)
	return u
}

func wantSound(t *testing.T, db *postgres.DB, owner uuid.UUID, want time.Duration) {
	t.Helper()
	if u := used(t, db, owner); u.Sound != want {
		t.Errorf("%s of sound are used, want %s", u.Sound, want)
	}
}

// A recording counts from the moment its length is known, with its length, and when its
// run has ended with what was done.
func TestDB_usage_settled(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	first := prepare(t, db, owner, 2)
	wantSound(t, db, owner, 2*time.Minute)
	transcribe(t, db, first, 0)
	ok(t, db.CancelTranscription(ctx, owner, first.ID))
	wantSound(t, db, owner, time.Minute) // half of it was done
	ok(t, db.DeleteTranscription(ctx, owner, first.ID))
	wantSound(t, db, owner, time.Minute)
	second := complete(t, db, owner)
	wantSound(t, db, owner, 2*time.Minute)
	ok(t, db.RetryTranscription(ctx, owner, transcription.NextRun{After: second.Ref()}))
	wantSound(t, db, owner, 2*time.Minute)
	again := transcription.Ref{ID: second.ID, Run: 2}
	l := claim(t, db, again, pipeline.Prepare, 0)
	ok(t, db.SaveSource(ctx, l, source(1)))
	wantSound(t, db, owner, 3*time.Minute)
	ok(t, db.Fail(ctx, l, gaveUp))
	wantSound(t, db, owner, 2*time.Minute)
	third := prepare(t, db, owner, 3)
	transcribe(t, db, third, 0)
	ok(t, db.DeleteTranscription(ctx, owner, third.ID)) // while it is in work
	wantSound(t, db, owner, 3*time.Minute)
	if n := readSQL[int](t, db, "SELECT count(*) FROM usage WHERE NOT settled OR transcription_id IS NULL AND samples = 0"); n != 0 {
		t.Errorf("%d accounts are open", n)
	}
}

// Of many recordings whose lengths are found at the same moment, so many are let through
// as there are minutes for, and each of the others ends as a failure that says why.
func TestDB_usage_minutesAtOnce(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	db.Bound(transcription.Quota{Sound: 3 * time.Minute})
	owner := addUser(t, db)
	const uploads = 8
	var leases []pipeline.Lease
	for range uploads {
		leases = append(leases, claim(t, db, addTranscription(t, db, owner).Ref(), pipeline.Prepare, 0))
	}
	errs := make(chan error, uploads)
	var all sync.WaitGroup
	for _, l := range leases {
		all.Go(func() { errs <- db.SaveSource(ctx, l, source(1)) })
	}
	all.Wait()
	let := 0
	for range uploads {
		if err := <-errs; err != nil {
			wantCode(t, err, fault.TooLarge, "quota_minutes")
			continue
		}
		let++
	}
	if let != 3 {
		t.Errorf("%d minutes were let through, want 3", let)
	}
	wantSound(t, db, owner, 3*time.Minute)
	err := db.Admit(ctx, owner, 1)
	wantCode(t, err, fault.RateLimited, "quota_minutes")
	reset, _ := fault.Of(err).Details["resetAt"].(time.Time)
	if left := time.Until(reset); left <= 0 || reset.Day() != 1 || reset.Hour() != 0 {
		t.Errorf("there are more from %s on", reset)
	}
	ok(t, db.SaveSource(ctx, claimed(t, db, leases, owner), source(1))) // what is booked may be said again
}

// claimed returns the lease of a recording whose length is booked.
func claimed(t *testing.T, db *postgres.DB, leases []pipeline.Lease, owner uuid.UUID) pipeline.Lease {
	t.Helper()
	id := readSQL[uuid.UUID](t, db, "SELECT transcription_id FROM usage WHERE owner_id = ? AND samples > 0 LIMIT 1", owner)
	for _, l := range leases {
		if l.Step.Ref.ID == id {
			return l
		}
	}
	t.Fatal("no lease has that id")
	return pipeline.Lease{}
}

// Of many uploads that end at the same moment, so many are taken as there is room for.
func TestDB_usage_bytesAtOnce(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	owner := addUser(t, db)
	size := newTranscription(t, owner).File.Size
	db.Bound(transcription.Quota{Bytes: 3*size + 1})
	errs := make(chan error, 8)
	var uploads sync.WaitGroup
	for range cap(errs) {
		tr := newTranscription(t, owner)
		uploads.Go(func() { errs <- db.CreateTranscription(ctx, tr) })
	}
	uploads.Wait()
	taken := 0
	for range cap(errs) {
		if err := <-errs; err != nil {
			wantCode(t, err, fault.TooLarge, "quota_bytes")
			continue
		}
		taken++
	}
	if u := used(t, db, owner); taken != 3 || u.Bytes != 3*size {
		t.Errorf("%d were taken with %d bytes, want 3", taken, u.Bytes)
	}
}

// What a recording was that turned out to be none takes no room any more.
func TestDB_usage_hopeless(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := addUser(t, db)
	tr := addTranscription(t, db, owner)
	l := claim(t, db, tr.Ref(), pipeline.Prepare, 0)
	ok(t, db.Fail(t.Context(), l, transcription.Failure{Code: "no_audio", Message: "There is no sound."}))
	if u := used(t, db, owner); u.Bytes != 0 {
		t.Errorf("%d bytes are used, want 0", u.Bytes)
	}
}

// What an administrator gives one account holds for that one, and 0 is no bound.
func TestDB_usage_ofOne(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	db.Bound(transcription.Quota{Active: 1, Sound: time.Minute})
	rich, poor := addUser(t, db), addUser(t, db)
	none, hour := int64(0), int64(60)
	u, err := db.ChangeUser(ctx, rich, auth.UserChange{At: time.Now(), Quota: &auth.Quota{Active: &none, Minutes: &hour}}, auth.Entry{})
	ok(t, err)
	if u.Quota.Active == nil || *u.Quota.Active != 0 || *u.Quota.Minutes != 60 || u.Quota.Bytes != nil {
		t.Errorf("got %+v", u.Quota)
	}
	for _, owner := range []uuid.UUID{rich, poor} {
		l := claim(t, db, addTranscription(t, db, owner).Ref(), pipeline.Prepare, 0)
		if err := db.SaveSource(ctx, l, source(2)); (err == nil) != (owner == rich) {
			t.Errorf("two minutes: got %v", err)
		}
	}
	ok(t, db.Admit(ctx, rich, 1))
	wantCode(t, db.Admit(ctx, poor, 1), fault.RateLimited, "too_many_active")
	_, q, err := db.Usage(ctx, rich)
	if err != nil || q != (transcription.Quota{Sound: time.Hour}) {
		t.Errorf("got %+v, %v, want an hour and nothing else", q, err)
	}
}

// Last month's minutes are not this month's.
func TestDB_usage_months(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	db.Bound(transcription.Quota{Sound: time.Minute})
	owner := addUser(t, db)
	complete(t, db, owner)
	wantCode(t, db.Admit(t.Context(), owner, 1), fault.RateLimited, "quota_minutes")
	execSQL(t, db, "UPDATE usage SET month = (month - interval '1 month')::date")
	ok(t, db.Admit(t.Context(), owner, 1))
	wantSound(t, db, owner, 0)
}
