package postgres_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

// claimDelivery leases a delivery, which must be due or in the queue.
func claimDelivery(t testing.TB, db *postgres.DB, id uuid.UUID) pipeline.Lease {
	t.Helper()
	return claimStep(t, db, dispatchedDelivery(t, db, id))
}

func claimStep(t testing.TB, db *postgres.DB, s pipeline.Step) pipeline.Lease {
	t.Helper()
	l, err := db.Claim(t.Context(), s, worker, leaseOf)
	ok(t, err)
	return l
}

// dispatchedDelivery returns the step of a delivery as it is in the queue.
func dispatchedDelivery(t testing.TB, db *postgres.DB, id uuid.UUID) pipeline.Step {
	t.Helper()
	_, err := db.Dispatch(t.Context(), 1_000_000)
	ok(t, err)
	return pipeline.Step{
		Ref: transcription.Ref{ID: id, Run: 1}, Kind: pipeline.Deliver,
		Gen: readSQL[int](t, db, "SELECT gen FROM deliveries WHERE id = ?", id),
	}
}

func dispatchedNow(t testing.TB, db *postgres.DB, window int) (ids []uuid.UUID) {
	t.Helper()
	steps, err := db.Dispatch(t.Context(), window)
	ok(t, err)
	for _, s := range steps {
		if s.Kind == pipeline.Deliver {
			ids = append(ids, s.Ref.ID)
		}
	}
	return ids
}

func show(t testing.TB, h *postgres.Webhooks, owner, id uuid.UUID) *webhook.Delivery {
	t.Helper()
	d, err := h.Delivery(t.Context(), owner, id)
	ok(t, err)
	return d
}

func TestMove_writesDeliveries(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	all := addWebhook(t, h, owner, webhook.Completed, webhook.Failed, webhook.Canceled)
	completed := addWebhook(t, h, owner, webhook.Completed)
	off := addWebhook(t, h, owner, webhook.Completed)
	off.Active = false
	_, err := h.ChangeWebhook(ctx, *off)
	ok(t, err)
	addWebhook(t, h, addUser(t, db), webhook.Completed, webhook.Failed, webhook.Canceled)
	key, err := h.SetKey(ctx, owner, newID(t), webhook.NewSecret(), 0)
	ok(t, err)

	told := func(tr *transcription.Transcription, typ webhook.Type, want ...uuid.UUID) []webhook.Delivery {
		t.Helper()
		list, err := h.Deliveries(ctx, owner, webhook.Filter{TranscriptionID: tr.ID, Limit: 100})
		ok(t, err)
		var got []uuid.UUID
		for _, d := range list {
			got = append(got, d.WebhookID)
			if d.Type != typ || d.State != webhook.Pending || d.OwnerID != owner {
				t.Errorf("got %+v", d)
			}
		}
		byID := func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }
		slices.SortFunc(got, byID)
		slices.SortFunc(want, byID)
		if !slices.Equal(got, want) {
			t.Errorf("%s is told to %v, want %v", typ, got, want)
		}
		return list
	}
	tr := complete(t, db, owner)
	for _, d := range told(tr, webhook.Completed, all.ID, completed.ID) {
		var event struct {
			Type      string
			Timestamp time.Time
			Data      struct {
				ID          uuid.UUID
				Status      string
				CompletedAt time.Time
			}
		}
		ok(t, json.Unmarshal([]byte(show(t, h, owner, d.ID).Payload), &event))
		if event.Type != "transcription.completed" || event.Data.ID != tr.ID || event.Data.Status != "completed" || event.Data.CompletedAt.IsZero() ||
			time.Since(event.Timestamp) > time.Hour {
			t.Errorf("got %+v", event)
		}
	}
	canceled := addTranscription(t, db, owner)
	ok(t, db.CancelTranscription(ctx, owner, canceled.ID))
	ok(t, db.CancelTranscription(ctx, owner, canceled.ID)) // which changes nothing
	told(canceled, webhook.Canceled, all.ID)
	unreadable := addTranscription(t, db, owner)
	ok(t, db.Fail(ctx, claim(t, db, unreadable.Ref(), pipeline.Prepare, 0), transcription.Failure{Code: "no_audio", Message: "No."}))
	told(unreadable, webhook.Failed, all.ID)

	execSQL(t, db, "UPDATE deliveries SET state = 'delivered'") // so that there is room
	adhoc := newTranscription(t, owner)
	adhoc.Options.WebhookURL = "https://adhoc.example/"
	ok(t, db.CreateTranscription(ctx, adhoc))
	ok(t, db.CancelTranscription(ctx, owner, adhoc.ID))
	for _, d := range told(adhoc, webhook.Canceled, all.ID, key.ID) {
		if want := map[uuid.UUID]string{key.ID: "https://adhoc.example/"}[d.WebhookID]; d.URL != want {
			t.Errorf("got the URL %q, want %q", d.URL, want)
		}
		m, err := h.Message(ctx, d.ID, claimDelivery(t, db, d.ID).Token)
		if want := map[uuid.UUID]string{key.ID: "https://adhoc.example/", all.ID: all.URL}[d.WebhookID]; err != nil || m.URL != want {
			t.Errorf("it is sent to %q, %v, want %q", m.URL, err, want)
		}
	}
}

// Progress is told of now and then, and not after the end.
func TestFinishChunk_tellsOfProgress(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	addWebhook(t, h, owner, webhook.Progress)
	_, err := h.SetKey(ctx, owner, newID(t), webhook.NewSecret(), 0)
	ok(t, err)
	tr := prepare(t, db, owner, 4)
	execSQL(t, db, "UPDATE transcriptions SET webhook_url = 'https://adhoc.example/'") // which is told of the end only
	told := func(n int) []webhook.Delivery {
		t.Helper()
		list := deliveriesOf(t, h, owner)
		if len(list) != n {
			t.Fatalf("got %+v, want %d", list, n)
		}
		return list
	}
	transcribe(t, db, tr, 0)
	first := told(1)[0]
	if payload := show(t, h, owner, first.ID).Payload; first.Type != webhook.Progress || !strings.Contains(payload, `"status":"transcribing","progress":0.250`) {
		t.Errorf("got %s", payload)
	}
	execSQL(t, db, "UPDATE deliveries SET created_at = created_at - interval '1 minute'")
	transcribe(t, db, tr, 1)
	told(1)                                                                        // the first is still on its way
	execSQL(t, db, "UPDATE deliveries SET created_at = now() + interval '1 hour'") // however long the next lines take
	ok(t, h.Settle(ctx, first.ID, claimDelivery(t, db, first.ID).Token, webhook.Outcome{State: webhook.Delivered}))
	transcribe(t, db, tr, 2)
	told(1) // it has just been told
	execSQL(t, db, "UPDATE deliveries SET created_at = created_at - interval '2 hours'")
	transcribe(t, db, tr, 3)
	if payload := show(t, h, owner, told(2)[0].ID).Payload; !strings.Contains(payload, `"progress":0.990`) {
		t.Errorf("got %s", payload)
	}
	ok(t, db.Advance(ctx, tr.Ref()))
	ok(t, db.Complete(ctx, claim(t, db, tr.Ref(), pipeline.Merge, 0), transcript()))
	if list := told(3); list[0].Type != webhook.Completed || list[0].State != webhook.Pending || list[1].State != webhook.Withdrawn || list[2].State != webhook.Delivered {
		t.Errorf("got %+v", list)
	}
}

// Nobody may hear of what has not happened.
func TestMove_nothingIsSentBeforeItIsCommitted(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	addWebhook(t, h, owner, webhook.Canceled)
	tr := addTranscription(t, db, owner)
	stop := errors.New("stop")
	err := db.MoveThen(ctx, tr.Ref(), transcription.Canceled, func() error {
		if ids := dispatchedNow(t, db, 0); len(ids) != 0 {
			t.Errorf("%v are sent already", ids)
		}
		return stop
	})
	if !errors.Is(err, stop) || len(deliveriesOf(t, h, owner)) != 0 || len(dispatchedNow(t, db, 0)) != 0 {
		t.Errorf("got %v and %+v after a change that did not happen", err, deliveriesOf(t, h, owner))
	}
	ok(t, db.Move(ctx, tr.Ref(), transcription.Canceled))
	if len(dispatchedNow(t, db, 0)) != 1 {
		t.Errorf("got %+v, want one to be sent", deliveriesOf(t, h, owner))
	}
}

func TestDelivery_isAStep(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	d := testEvent(t, addWebhook(t, h, owner))
	ok(t, h.CreateDelivery(ctx, d))

	s := dispatchedDelivery(t, db, d.ID)
	if ids := dispatchedNow(t, db, 0); len(ids) != 0 {
		t.Errorf("%v were dispatched twice", ids)
	}
	older := s
	older.Gen--
	_, err := db.Claim(ctx, older, worker, leaseOf)
	wantKind(t, err, fault.Conflict)
	l := claimStep(t, db, s)
	_, err = db.Claim(ctx, s, worker, leaseOf)
	wantKind(t, err, fault.Conflict)
	if l.Attempt != 1 {
		t.Errorf("got attempt %d", l.Attempt)
	}
	ok(t, db.Renew(ctx, l, leaseOf))

	ok(t, db.Release(ctx, l, 0, true))
	wantKind(t, db.Renew(ctx, l, leaseOf), fault.Conflict)
	wantKind(t, db.Release(ctx, l, 0, true), fault.Conflict)
	wantKind(t, h.Settle(ctx, d.ID, l.Token, webhook.Outcome{State: webhook.Delivered}), fault.Conflict)
	_, err = h.Message(ctx, d.ID, l.Token)
	wantKind(t, err, fault.Conflict)

	l = claimDelivery(t, db, d.ID)
	if l.Attempt != 1 {
		t.Errorf("an interrupted attempt was counted: got %d", l.Attempt)
	}
	ok(t, h.Settle(ctx, d.ID, l.Token, webhook.Outcome{State: webhook.Delivered, Status: 204, Excerpt: "x", Took: time.Second}))
	got := show(t, h, owner, d.ID)
	if got.State != webhook.Delivered || got.Attempts != 1 || got.Status != 204 || got.Excerpt != "x" || got.Took != time.Second || got.AttemptedAt.IsZero() || !got.NextAt.IsZero() {
		t.Errorf("got %+v", got)
	}
	if ids := dispatchedNow(t, db, 0); len(ids) != 0 {
		t.Errorf("what is delivered is sent again: %v", ids)
	}
}

func TestDelivery_lostByTheQueue(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	d := testEvent(t, addWebhook(t, h, owner))
	ok(t, h.CreateDelivery(ctx, d))
	s := dispatchedDelivery(t, db, d.ID)
	execSQL(t, db, "UPDATE deliveries SET dispatched_at = now() - interval '1 minute'")
	stale, err := db.Stale(ctx, 20*time.Second, 10)
	ok(t, err)
	if !slices.Equal(stale, []pipeline.Step{s}) {
		t.Errorf("got %v, want %v", stale, s)
	}
	ok(t, db.Undispatch(ctx, s))
	s = dispatchedDelivery(t, db, d.ID)
	n, err := db.UndispatchAll(ctx)
	if n != 1 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if again := dispatchedDelivery(t, db, d.ID); again.Gen != s.Gen+1 {
		t.Errorf("got generation %d after %d", again.Gen, s.Gen)
	}
}

func TestDelivery_rescued(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	d := testEvent(t, addWebhook(t, h, owner))
	ok(t, h.CreateDelivery(ctx, d))
	for attempt := 1; attempt < webhook.Attempts(webhook.Test); attempt++ {
		l := claimDelivery(t, db, d.ID)
		execSQL(t, db, "UPDATE deliveries SET lease_until = now() - interval '1 second'")
		rescued, exhausted, err := db.Rescue(ctx, 10)
		ok(t, err)
		if !slices.Equal(rescued, []pipeline.Step{l.Step}) || len(exhausted) != 0 || l.Attempt != attempt {
			t.Fatalf("attempt %d: got %v, %v of %+v", attempt, rescued, exhausted, l)
		}
		wantKind(t, h.Settle(ctx, d.ID, l.Token, webhook.Outcome{State: webhook.Delivered}), fault.Conflict)
	}
	l := claimDelivery(t, db, d.ID)
	ok(t, db.GiveUp(ctx, l.Step, gaveUp)) // its lease holds
	execSQL(t, db, "UPDATE deliveries SET lease_until = now() - interval '1 second'")
	rescued, exhausted, err := db.Rescue(ctx, 10)
	ok(t, err)
	if len(rescued) != 0 || !slices.Equal(exhausted, []pipeline.Step{l.Step}) {
		t.Fatalf("got %v, %v", rescued, exhausted)
	}
	ok(t, db.GiveUp(ctx, exhausted[0], gaveUp))
	if got := show(t, h, owner, d.ID); got.State != webhook.GivenUp || got.Failure == nil || got.Failure.Code != "gave_up" {
		t.Errorf("got %+v", got)
	}
}

// One receiver that hangs must not have all places in the queue.
func TestDispatch_deliveriesInTurn(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	busy, calm := addWebhook(t, h, owner), addWebhook(t, h, addUser(t, db))
	var first []uuid.UUID
	for range 30 {
		d := testEvent(t, busy)
		ok(t, h.CreateDelivery(ctx, d))
		first = append(first, d.ID)
	}
	later := testEvent(t, calm)
	ok(t, h.CreateDelivery(ctx, later))
	notDue := testEvent(t, calm)
	ok(t, h.CreateDelivery(ctx, notDue))
	execSQL(t, db, "UPDATE deliveries SET next_at = now() + interval '1 hour' WHERE id = ?", notDue.ID)

	got := dispatchedNow(t, db, 0)
	if want := []uuid.UUID{first[0], later.ID, first[1]}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	l := claimStep(t, db, pipeline.Step{Ref: transcription.Ref{ID: first[0], Run: 1}, Kind: pipeline.Deliver, Gen: 1})
	if got := dispatchedNow(t, db, 0); len(got) != 0 {
		t.Errorf("%v are dispatched though two are on their way", got)
	}
	ok(t, h.Settle(ctx, first[0], l.Token, webhook.Outcome{State: webhook.Delivered}))
	if got := dispatchedNow(t, db, 0); !slices.Equal(got, first[2:3]) {
		t.Errorf("got %v, want %v", got, first[2])
	}
	if got := dispatchedNow(t, db, 3); len(got) != 0 {
		t.Errorf("got %v, though the window is full", got)
	}
}

func TestForgetDeliveries(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	w := addWebhook(t, h, owner)
	old, waits, fresh := testEvent(t, w), testEvent(t, w), testEvent(t, w)
	for _, d := range []*webhook.Delivery{old, waits, fresh} {
		ok(t, h.CreateDelivery(ctx, d))
	}
	execSQL(t, db, "UPDATE deliveries SET created_at = now() - interval '31 days' WHERE id <> ?", fresh.ID)
	for _, d := range []*webhook.Delivery{old, fresh} {
		ok(t, h.Settle(ctx, d.ID, claimDelivery(t, db, d.ID).Token, webhook.Outcome{State: webhook.Delivered}))
	}
	if n, err := db.ForgetDeliveries(ctx); n != 1 || err != nil {
		t.Errorf("got %d, %v, want 1", n, err)
	}
	if _, err := h.Delivery(ctx, owner, old.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v, want the old one to be gone", err)
	}
}
