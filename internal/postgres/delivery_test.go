package postgres_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

func TestSettle_again(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	w := addWebhook(t, h, owner)
	d := testEvent(t, w)
	ok(t, h.CreateDelivery(ctx, d))
	o := webhook.Outcome{State: webhook.Pending, After: time.Hour, Status: 500, Failure: &transcription.Failure{Code: "refused", Message: "No."}}
	ok(t, h.Settle(ctx, d.ID, claimDelivery(t, db, d.ID).Token, o))
	got := show(t, h, owner, d.ID)
	if left := time.Until(got.NextAt); got.State != webhook.Pending || left < 50*time.Minute || left > 70*time.Minute || got.Failure == nil || *got.Failure != *o.Failure || got.Status != 500 {
		t.Errorf("got %+v", got)
	}
	if len(dispatchedNow(t, db, 0)) != 0 {
		t.Error("it is sent before its time")
	}
	if read, err := h.Webhook(ctx, owner, w.ID); err != nil || read.FailingSince.IsZero() || !read.Active {
		t.Errorf("got %+v, %v", read, err)
	}
	ok(t, h.Replay(ctx, owner, d.ID))
	ok(t, h.Settle(ctx, d.ID, claimDelivery(t, db, d.ID).Token, webhook.Outcome{State: webhook.Delivered, Status: 200}))
	if read, err := h.Webhook(ctx, owner, w.ID); err != nil || !read.FailingSince.IsZero() {
		t.Errorf("got %+v, %v", read, err)
	}
	if got := show(t, h, owner, d.ID); got.Failure != nil || got.State != webhook.Delivered {
		t.Errorf("got %+v", got)
	}
}

func TestSettle_disables(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	givenUp := webhook.Outcome{State: webhook.GivenUp, Failure: &transcription.Failure{Code: "refused", Message: "No."}}
	gone := webhook.Outcome{State: webhook.GivenUp, Gone: true, Status: 410}
	for _, tt := range []struct {
		name     string
		outcome  webhook.Outcome
		days     int
		disabled string
	}{
		{"gone", gone, 0, webhook.Gone},
		{"failing for a while", givenUp, 2, ""},
		{"failing for long", givenUp, 4, webhook.Failing},
	} {
		w := addWebhook(t, h, owner)
		ended, waits := testEvent(t, w), testEvent(t, w)
		ok(t, h.CreateDelivery(ctx, ended))
		ok(t, h.CreateDelivery(ctx, waits))
		execSQL(t, db, "UPDATE webhooks SET failing_since = now() - make_interval(days => ?) WHERE id = ?", tt.days, w.ID)
		lease, other := claimDelivery(t, db, ended.ID), claimDelivery(t, db, waits.ID)
		ok(t, h.Settle(ctx, ended.ID, lease.Token, tt.outcome))
		read, err := h.Webhook(ctx, owner, w.ID)
		ok(t, err)
		if read.Active != (tt.disabled == "") || read.Disabled != tt.disabled || read.DisabledAt.IsZero() != read.Active {
			t.Errorf("%s: got %+v", tt.name, read)
		}
		if tt.disabled == "" {
			continue
		}
		if counts, err := db.DisabledWebhooks(ctx); err != nil || counts[tt.disabled] != 1 || len(counts) != 2 {
			t.Errorf("%s: counted %v, %v", tt.name, counts, err)
		}
		if got := show(t, h, owner, waits.ID); got.State != webhook.Withdrawn {
			t.Errorf("%s: got %+v", tt.name, got)
		}
		wantKind(t, db.Renew(ctx, other, leaseOf), fault.Conflict)
		for _, err := range []error{h.Replay(ctx, owner, waits.ID), h.CreateDelivery(ctx, testEvent(t, w))} {
			if f := fault.Of(err); err == nil || f.Code != "webhook_disabled" {
				t.Errorf("%s: got %v, want webhook_disabled", tt.name, err)
			}
		}
		w.Active = true
		if read, err = h.ChangeWebhook(ctx, *w); err != nil || !read.Active || read.Disabled != "" || !read.DisabledAt.IsZero() || !read.FailingSince.IsZero() {
			t.Errorf("%s: got %+v, %v after it was made active", tt.name, read, err)
		}
		ok(t, h.Replay(ctx, owner, waits.ID))
		if got := show(t, h, owner, waits.ID); got.State != webhook.Pending {
			t.Errorf("%s: got %+v", tt.name, got)
		}
	}
}

// The address of one upload says nothing about the next.
func TestSettle_keyIsNeverDisabled(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	_, err := h.SetKey(ctx, owner, newID(t), webhook.NewSecret(), 0)
	ok(t, err)
	tr := newTranscription(t, owner)
	tr.Options.WebhookURL = "https://adhoc.example/"
	ok(t, db.CreateTranscription(ctx, tr))
	ok(t, db.CancelTranscription(ctx, owner, tr.ID))
	d := deliveriesOf(t, h, owner)[0]
	ok(t, h.Settle(ctx, d.ID, claimDelivery(t, db, d.ID).Token, webhook.Outcome{State: webhook.GivenUp, Gone: true, Status: 410}))
	if !readSQL[bool](t, db, "SELECT active AND failing_since IS NULL FROM webhooks") {
		t.Error("the key was disabled")
	}
	if got := show(t, h, owner, d.ID); got.State != webhook.GivenUp {
		t.Errorf("got %+v", got)
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	d := testEvent(t, addWebhook(t, h, owner))
	ok(t, h.CreateDelivery(ctx, d))
	for _, end := range []webhook.State{webhook.Delivered, webhook.GivenUp} {
		l := claimDelivery(t, db, d.ID)
		ok(t, h.Replay(ctx, owner, d.ID)) // it is being sent, and stays so
		ok(t, db.Renew(ctx, l, leaseOf))
		ok(t, h.Settle(ctx, d.ID, l.Token, webhook.Outcome{State: end}))
		ok(t, h.Replay(ctx, owner, d.ID))
		if got := show(t, h, owner, d.ID); got.State != webhook.Pending || got.Attempts != 0 || got.Payload != d.Payload {
			t.Errorf("%s: got %+v", end, got)
		}
		if _, err := db.Claim(ctx, l.Step, worker, leaseOf); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: a task of the time before can be claimed: %v", end, err)
		}
	}
}

func TestDeliveries_goWithWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	w := addWebhook(t, h, owner, webhook.Canceled)
	tr := addTranscription(t, db, owner)
	ok(t, db.CancelTranscription(ctx, owner, tr.ID))
	l := claimDelivery(t, db, deliveriesOf(t, h, owner)[0].ID)
	ok(t, db.DeleteTranscription(ctx, owner, tr.ID))
	wantGone(t, h.Settle(ctx, l.Step.Ref.ID, l.Token, webhook.Outcome{State: webhook.Delivered}))
	ok(t, h.CreateDelivery(ctx, testEvent(t, w)))
	if list := deliveriesOf(t, h, owner); len(list) != 1 || list[0].Type != webhook.Test {
		t.Errorf("got %+v, want what is about no transcription", list)
	}
	ok(t, h.DeleteWebhook(ctx, owner, w.ID))
	if list := deliveriesOf(t, h, owner); len(list) != 0 {
		t.Errorf("got %+v", list)
	}
}

// killed is an outbox whose worker dies between the receiver's answer and the record
// of it.
type killed struct{ *postgres.Webhooks }

func (killed) Settle(context.Context, uuid.UUID, uuid.UUID, webhook.Outcome) error {
	return errors.New("killed")
}

func TestSender_workerDiesBeforeTheRecord(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	type received struct{ id, body string }
	got := make(chan received, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- received{r.Header.Get("webhook-id"), string(b)}
	}))
	t.Cleanup(server.Close)
	rules := webhook.Rules{HTTP: true, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	w := &webhook.Webhook{ID: newID(t), OwnerID: owner, URL: server.URL, Events: []webhook.Type{webhook.Canceled}, Active: true}
	ok(t, h.CreateWebhook(ctx, w, webhook.NewSecret()))
	tr := addTranscription(t, db, owner)
	ok(t, db.CancelTranscription(ctx, owner, tr.ID))
	id := deliveriesOf(t, h, owner)[0].ID

	l := claimDelivery(t, db, id)
	if err := webhook.NewSender(killed{h}, rules, nil).Deliver(ctx, id, l.Token, l.Attempt); err == nil {
		t.Fatal("the worker lives")
	}
	execSQL(t, db, "UPDATE deliveries SET lease_until = now() - interval '1 second'")
	_, _, err := db.Rescue(ctx, 10)
	ok(t, err)
	l = claimDelivery(t, db, id)
	ok(t, webhook.NewSender(h, rules, nil).Deliver(ctx, id, l.Token, l.Attempt))
	first, second := <-got, <-got
	if first != second || first.id != id.String() || len(got) != 0 {
		t.Errorf("got %+v, then %+v, want the same twice", first, second)
	}
	if d := show(t, h, owner, id); d.State != webhook.Delivered || d.Attempts != 2 {
		t.Errorf("got %+v", d)
	}
}

// What is due and waits is counted, whether a task of it is in the queue or not; what is
// put off, and what is being sent, is not.
func TestDB_OldestDue(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h, owner, ctx := hooks(t, db), addUser(t, db), t.Context()
	want := func(why string, seconds float64) {
		t.Helper()
		age, err := db.OldestDue(ctx)
		ok(t, err)
		if age.Seconds() < seconds || seconds == 0 && age != 0 {
			t.Errorf("%s: due for %s, want %v s", why, age, seconds)
		}
	}
	want("nothing is there", 0)
	d := testEvent(t, addWebhook(t, h, owner))
	ok(t, h.CreateDelivery(ctx, d))
	execSQL(t, db, "UPDATE deliveries SET next_at = now() + interval '1 hour'")
	want("put off", 0)
	execSQL(t, db, "UPDATE deliveries SET next_at = now() - interval '1 hour'")
	want("waiting", 3600)
	_, err := db.Dispatch(ctx, 1000)
	ok(t, err)
	want("in the queue", 3600)
	execSQL(t, db, "UPDATE deliveries SET state = 'waiting'")
	claimDelivery(t, db, d.ID)
	want("being sent", 0)
}
