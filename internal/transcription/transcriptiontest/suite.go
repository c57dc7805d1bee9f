package transcriptiontest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// World is a store on the bench, with what only those who work on recordings can
// bring about.
type World interface {
	transcription.Store
	transcription.FeedStore
	transcription.ZipWork
	// Owner returns somebody new who may have transcriptions.
	Owner(t *testing.T) uuid.UUID
	// End ends the run of a queued transcription as completed, with some text and
	// segments, or as failed.
	End(t *testing.T, id uuid.UUID, as transcription.Status)
	// Bound makes q the quota of everybody.
	Bound(q transcription.Quota)
	// Report makes these the models of the one living worker.
	Report(t *testing.T, models ...string)
	// Person returns an owner with an address, which they have proved to be theirs or not.
	Person(t *testing.T, proved bool) (id uuid.UUID, email string)
	// ExpireLinks lets the time of all links be over.
	ExpireLinks(t *testing.T)
	// Refuses makes these what it reports of the files that it cannot use.
	Refuses(t *testing.T, codes map[string]string)
}

// TestStore checks that a store keeps the promises of transcription.Store. Open
// returns a store without transcriptions; it is called once per test.
func TestStore(t *testing.T, open func(t *testing.T) World) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, World){
		"what was created is found":          testCreate,
		"an id is taken once":                testTaken,
		"an upload begins once":              testUploads,
		"a creation ends its upload":         testUploadCreated,
		"what is somebody else's is nowhere": testOwners,
		"pages are newest first":             testPages,
		"a list has no text":                 testList,
		"a head is all but the text":         testHead,
		"a list is narrowed to a status":     testFilter,
		"canceling is done once":             testCancel,
		"what happens is told in order":      testEvents,
		"another run keeps the text":         testRetry,
		"folders are a tree":                 testFolders,
		"things are kept as long as said":    testRetention,
		"what is held stays":                 testHold,
		"transcriptions are arranged":        testArrange,
		"texts are revised":                  testRevise,
		"one text is revised once":           testReviseStale,
		"links let guests in":                testLinks,
		"links let nobody in for ever":       testLinksEnd,
		"shares let others in":               testShares,
		"there are so many shares":           testShareLimit,
		"folders are shared with all in it":  testShareFolders,
		"who follows learns of the end":      testShareShakes,
		"what has ended is not canceled":     testCancelTooLate,
		"a batch ends with its last":         testBatches,
		"zips are written once":              testZips,
		"a lost lease writes no zip":         testZipFencing,
		"zips of somebody else's":            testZipOwners,
		"zips are shared out":                testZipShares,
		"zips lose what goes":                testZipLoses,
		"many are looked at in one go":       testOutcomes,
		"a batch is closed when it is full":  testBatchExpected,
		"a batch ends with what is deleted":  testBatchDeleted,
		"a batch of somebody else's":         testBatchOwners,
		"ranges do not meet":                 testRanges,
		"ranges of somebody else's":          testRangeOwners,
		"ranges are bounded":                 testRangeBounds,
		"deleting leaves nothing to read":    testDelete,
		"models are those of the workers":    testModels,
		"files that workers cannot use":      testRefused,
		"queues are paused and resumed":      testQueues,
		"what is used is counted":            testUsage,
		"no more is taken than there may be": testQuota,
		"how one stands":                     testStanding,
		"how one of somebody else's stands":  testStandingOwners,
		"a change shows in its time":         testStandingTime,
		"nothing is done for who has gone":   testGone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// NewTranscription returns one as an upload makes it.
func NewTranscription(t *testing.T, owner uuid.UUID) *transcription.Transcription {
	t.Helper()
	id, file := newID(t), newID(t)
	return &transcription.Transcription{
		ID: id, OwnerID: owner, Run: 1, Options: transcription.Options{Model: "small", Language: "de", Prompt: "Ada", Translate: true, Split: true},
		File: transcription.File{
			ID: file, OwnerID: owner, Name: "talk.flac", ContentType: "audio/flac", Size: 1000,
			SHA256: strings.Repeat("ab", 32), Key: transcription.Prefix(owner, id) + "source",
		},
	}
}

func newID(t *testing.T) uuid.UUID {
	t.Helper()
	id, err := uuid.NewV7()
	must(t, err)
	return id
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, k fault.Kind) {
	t.Helper()
	if !fault.Is(err, k) {
		t.Errorf("got %v, want %s", err, k)
	}
}

func create(t *testing.T, w World, owner uuid.UUID) *transcription.Transcription {
	t.Helper()
	tr := NewTranscription(t, owner)
	must(t, w.CreateTranscription(t.Context(), tr))
	return tr
}

func testCreate(t *testing.T, w World) {
	want := create(t, w, w.Owner(t))
	if want.Status != transcription.Queued || want.CreatedAt.IsZero() || want.UpdatedAt.IsZero() || want.File.CreatedAt.IsZero() {
		t.Errorf("the status and the times of %+v are not set", want)
	}
	got, err := w.Transcription(t.Context(), want.OwnerID, want.ID)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	_, err = w.Transcription(t.Context(), want.OwnerID, newID(t))
	wantKind(t, err, fault.NotFound)
	_, err = w.Head(t.Context(), want.OwnerID, newID(t))
	wantKind(t, err, fault.NotFound)
}

func testTaken(t *testing.T, w World) {
	tr := create(t, w, w.Owner(t))
	again := NewTranscription(t, tr.OwnerID)
	again.ID = tr.ID
	wantKind(t, w.CreateTranscription(t.Context(), again), fault.Conflict)
	got, err := w.Transcription(t.Context(), tr.OwnerID, tr.ID)
	if err != nil || got.File.ID != tr.File.ID {
		t.Errorf("got %+v, %v, want the first", got, err)
	}
}

func testUploads(t *testing.T, w World) {
	owner, id := w.Owner(t), newID(t)
	for range 2 {
		must(t, w.BeginUpload(t.Context(), owner, id))
		wantKind(t, w.BeginUpload(t.Context(), owner, id), fault.Conflict)
		for range 2 {
			must(t, w.ForgetUpload(t.Context(), owner, id))
		}
	}
}

func testUploadCreated(t *testing.T, w World) {
	tr := NewTranscription(t, w.Owner(t))
	must(t, w.BeginUpload(t.Context(), tr.OwnerID, tr.ID))
	must(t, w.CreateTranscription(t.Context(), tr))
	if err := w.BeginUpload(t.Context(), tr.OwnerID, tr.ID); err != nil {
		t.Errorf("the upload goes on: %v", err)
	}
}

func testOwners(t *testing.T, w World) {
	owner, other := w.Owner(t), w.Owner(t)
	tr := create(t, w, owner)
	_, err := w.Transcription(t.Context(), other, tr.ID)
	wantKind(t, err, fault.NotFound)
	_, err = w.Head(t.Context(), other, tr.ID)
	wantKind(t, err, fault.NotFound)
	_, err = w.Plan(t.Context(), other, tr.Ref())
	wantKind(t, err, fault.NotFound)
	if plan, err := w.Plan(t.Context(), owner, tr.Ref()); err != nil || len(plan.Chunks) != 0 {
		t.Errorf("got %v, %v, want no chunks yet", plan, err)
	}
	wantKind(t, w.CancelTranscription(t.Context(), other, tr.ID), fault.NotFound)
	wantKind(t, w.DeleteTranscription(t.Context(), other, tr.ID), fault.NotFound)
	page, err := w.Transcriptions(t.Context(), other, transcription.Filter{Limit: 10})
	if err != nil || len(page) != 0 {
		t.Errorf("got %v, %v, want an empty list", page, err)
	}
	if got, err := w.Transcription(t.Context(), owner, tr.ID); err != nil || got.Status != transcription.Queued {
		t.Errorf("got %+v, %v, want it untouched", got, err)
	}
}

func testPages(t *testing.T, w World) {
	owner := w.Owner(t)
	var want []uuid.UUID
	for range 5 {
		want = append([]uuid.UUID{create(t, w, owner).ID}, want...)
	}
	for _, limit := range []int{1, 2, 5, 6} {
		var got []uuid.UUID
		for f := (transcription.Filter{Limit: limit}); len(got) <= len(want); {
			page, err := w.Transcriptions(t.Context(), owner, f)
			must(t, err)
			if len(page) > limit {
				t.Fatalf("a page of %d has %d", limit, len(page))
			}
			if len(page) == 0 {
				break
			}
			for _, tr := range page {
				got = append(got, tr.ID)
			}
			f.After = transcription.Cursor{CreatedAt: page[len(page)-1].CreatedAt, ID: page[len(page)-1].ID}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d: -want +got\n%s", limit, diff)
		}
	}
}

func testList(t *testing.T, w World) {
	tr := create(t, w, w.Owner(t))
	w.End(t, tr.ID, transcription.Completed)
	want, err := w.Transcription(t.Context(), tr.OwnerID, tr.ID)
	must(t, err)
	if want.Status != transcription.Completed || want.Progress != 1 || want.Text == "" || len(want.Segments) == 0 || want.CompletedAt.IsZero() {
		t.Errorf("completed it is %+v", want)
	}
	page, err := w.Transcriptions(t.Context(), tr.OwnerID, transcription.Filter{Limit: 10})
	must(t, err)
	want.Text, want.Segments = "", nil
	if diff := cmp.Diff([]transcription.Transcription{*want}, page); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func testHead(t *testing.T, w World) {
	for _, end := range []func(*transcription.Transcription){
		func(*transcription.Transcription) {},
		func(tr *transcription.Transcription) { w.End(t, tr.ID, transcription.Completed) },
		func(tr *transcription.Transcription) { w.End(t, tr.ID, transcription.Failed) },
		func(tr *transcription.Transcription) {
			must(t, w.CancelTranscription(t.Context(), tr.OwnerID, tr.ID))
		},
	} {
		tr := create(t, w, w.Owner(t))
		end(tr)
		want, err := w.Transcription(t.Context(), tr.OwnerID, tr.ID)
		must(t, err)
		want.Text, want.Segments = "", nil
		got, err := w.Head(t.Context(), tr.OwnerID, tr.ID)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if got.Status != transcription.Queued && !got.UpdatedAt.After(tr.UpdatedAt) {
			t.Errorf("it became %s without a new time of the last change", got.Status)
		}
	}
}

func testFilter(t *testing.T, w World) {
	owner := w.Owner(t)
	ended := create(t, w, owner)
	w.End(t, ended.ID, transcription.Failed)
	create(t, w, owner)
	for s, want := range map[transcription.Status]int{"": 2, transcription.Failed: 1, transcription.Queued: 1, transcription.Completed: 0} {
		page, err := w.Transcriptions(t.Context(), owner, transcription.Filter{Status: s, Limit: 10})
		if err != nil || len(page) != want {
			t.Errorf("%q: got %d, %v, want %d", s, len(page), err, want)
		}
	}
}

func testCancel(t *testing.T, w World) {
	tr := create(t, w, w.Owner(t))
	for range 2 {
		must(t, w.CancelTranscription(t.Context(), tr.OwnerID, tr.ID))
		got, err := w.Transcription(t.Context(), tr.OwnerID, tr.ID)
		must(t, err)
		if got.Status != transcription.Canceled || got.Partial || got.Text != "" || got.Failure != nil || !got.CompletedAt.IsZero() {
			t.Errorf("canceled it is %+v", got)
		}
		if !got.UpdatedAt.After(tr.UpdatedAt) {
			t.Error("the time of the last change stays")
		}
	}
	wantKind(t, w.CancelTranscription(t.Context(), tr.OwnerID, newID(t)), fault.NotFound)
}

// testEvents reads a history in pages of every size. What is not the caller's, or was
// deleted, has none.
func testEvents(t *testing.T, w World) {
	owner := w.Owner(t)
	tr, other := create(t, w, owner), create(t, w, owner)
	for range 2 {
		must(t, w.CancelTranscription(t.Context(), owner, tr.ID))
	}
	by := transcription.Actor{Kind: transcription.ByUser, Name: owner.String()}
	for _, limit := range []int{1, 2, 3} {
		var got []transcription.EventType
		var after int64
		for len(got) < 3 {
			page, err := w.Events(t.Context(), owner, tr.ID, after, limit)
			must(t, err)
			if len(page) > limit {
				t.Fatalf("a page of %d has %d", limit, len(page))
			}
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				if e.ID <= after || e.Run != 1 || e.At.Before(tr.CreatedAt.Add(-time.Second)) || e.Actor != by {
					t.Errorf("behind %d comes %+v", after, e)
				}
				got, after = append(got, e.Type), e.ID
			}
		}
		if diff := cmp.Diff([]transcription.EventType{transcription.Created, "canceled"}, got); diff != "" {
			t.Errorf("pages of %d: -want +got\n%s", limit, diff)
		}
	}
	page, err := w.Events(t.Context(), owner, other.ID, 0, 10)
	if err != nil || len(page) != 1 {
		t.Errorf("the other has %v, %v", page, err)
	}
	_, err = w.Events(t.Context(), w.Owner(t), tr.ID, 0, 10)
	wantKind(t, err, fault.NotFound)
	must(t, w.DeleteTranscription(t.Context(), owner, tr.ID))
	_, err = w.Events(t.Context(), owner, tr.ID, 0, 10)
	wantKind(t, err, fault.NotFound)
}

func testCancelTooLate(t *testing.T, w World) {
	for _, s := range []transcription.Status{transcription.Completed, transcription.Failed} {
		tr := create(t, w, w.Owner(t))
		w.End(t, tr.ID, s)
		if err := w.CancelTranscription(t.Context(), tr.OwnerID, tr.ID); fault.Of(err).Code != "already_ended" {
			t.Errorf("%s: got %v", s, err)
		}
		got, err := w.Transcription(t.Context(), tr.OwnerID, tr.ID)
		if err != nil || got.Status != s || (got.Failure != nil) != (s == transcription.Failed) {
			t.Errorf("got %+v, %v, want it %s", got, err, s)
		}
	}
}

// testRetry runs again what has ended, and nothing else. The text of what was completed
// stays.
func testRetry(t *testing.T, w World) {
	for _, s := range []transcription.Status{transcription.Completed, transcription.Failed, transcription.Canceled} {
		tr := create(t, w, w.Owner(t))
		again := func(owner uuid.UUID) error {
			o := tr.Options
			o.Prompt = "Bob"
			return w.RetryTranscription(t.Context(), owner, transcription.NextRun{After: tr.Ref(), Options: o, Anew: true})
		}
		if err := again(tr.OwnerID); fault.Of(err).Code != "in_work" {
			t.Errorf("%s, before: got %v", s, err)
		}
		if s == transcription.Canceled {
			must(t, w.CancelTranscription(t.Context(), tr.OwnerID, tr.ID))
		} else {
			w.End(t, tr.ID, s)
		}
		ended, err := w.Transcription(t.Context(), tr.OwnerID, tr.ID)
		must(t, err)
		wantKind(t, again(w.Owner(t)), fault.NotFound)
		must(t, again(tr.OwnerID))
		if err := again(tr.OwnerID); fault.Of(err).Code != "in_work" {
			t.Errorf("%s, twice: got %v", s, err)
		}
		got, err := w.Transcription(t.Context(), tr.OwnerID, tr.ID)
		must(t, err)
		if !got.UpdatedAt.After(ended.UpdatedAt) || got.Options.Prompt != "Bob" {
			t.Errorf("got %+v behind %+v", got, ended)
		}
		want := *ended
		want.Run, want.Status, want.Failure, want.Progress, want.CompletedAt = 2, transcription.Queued, nil, 0, time.Time{}
		want.Model, want.Language, want.LanguageConfidence = "", "", 0
		want.Options, want.UpdatedAt, want.QueuePosition = got.Options, got.UpdatedAt, got.QueuePosition
		if s == transcription.Completed {
			want.Earlier = &transcription.Earlier{
				Run: 1, Model: ended.Model, Language: ended.Language, LanguageConfidence: ended.LanguageConfidence, Translate: tr.Options.Translate, CompletedAt: ended.CompletedAt,
			}
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", s, diff)
		}
	}
}

func testDelete(t *testing.T, w World) {
	for _, s := range []transcription.Status{transcription.Queued, transcription.Completed, transcription.Failed, transcription.Canceled} {
		tr := create(t, w, w.Owner(t))
		switch s {
		case transcription.Canceled:
			must(t, w.CancelTranscription(t.Context(), tr.OwnerID, tr.ID))
		case transcription.Completed, transcription.Failed:
			w.End(t, tr.ID, s)
		default:
		}
		must(t, w.DeleteTranscription(t.Context(), tr.OwnerID, tr.ID))
		_, err := w.Transcription(t.Context(), tr.OwnerID, tr.ID)
		wantKind(t, err, fault.NotFound)
		wantKind(t, w.DeleteTranscription(t.Context(), tr.OwnerID, tr.ID), fault.NotFound)
		wantKind(t, w.CancelTranscription(t.Context(), tr.OwnerID, tr.ID), fault.NotFound)
	}
}

func testQueues(t *testing.T, w World) {
	who, other := w.Owner(t), w.Owner(t)
	create(t, w, who)
	find := func(name string) transcription.Queue {
		t.Helper()
		queues, err := w.Queues(t.Context())
		must(t, err)
		var names []string
		var found transcription.Queue
		for _, q := range queues {
			names = append(names, q.Name)
			if q.Name == name {
				found = q
			}
		}
		if diff := cmp.Diff([]string{"prepare", "transcribe-gpu", "transcribe-cpu", "merge", "deliver"}, names); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		return found
	}
	if diff := cmp.Diff(transcription.Queue{Name: "prepare", Waiting: 1}, find("prepare")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, by := range []uuid.UUID{who, other} { // the second finds it paused
		got, err := w.PauseQueue(t.Context(), by, "prepare")
		must(t, err)
		if got.Paused == nil || got.Paused.By != who || time.Since(got.Paused.At).Abs() > time.Hour {
			t.Errorf("got %+v", got.Paused)
		}
		if diff := cmp.Diff(find("prepare"), got); diff != "" || find("merge").Paused != nil {
			t.Errorf("-listed +answered\n%s", diff)
		}
	}
	for range 2 {
		got, err := w.ResumeQueue(t.Context(), other, "prepare")
		if err != nil || got.Paused != nil || find("prepare").Paused != nil {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	for _, name := range []string{"", "transcribe", "upload", "prepare "} {
		_, err := w.PauseQueue(t.Context(), who, name)
		wantKind(t, err, fault.NotFound)
		_, err = w.ResumeQueue(t.Context(), who, name)
		wantKind(t, err, fault.NotFound)
	}
}

func testModels(t *testing.T, w World) {
	for _, want := range [][]string{nil, {"large-v3", "small"}, {"tiny"}} {
		w.Report(t, want...)
		got, err := w.InstalledModels(t.Context())
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

func testRefused(t *testing.T, w World) {
	for _, want := range []map[string]string{{}, {"small": "model_damaged", "large-v3": "model_too_large"}, {"tiny": "wrong_model"}, {}} {
		w.Refuses(t, want)
		got, err := w.RefusedModels(t.Context())
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

func testGone(t *testing.T, w World) {
	tr := create(t, w, w.Owner(t))
	ctx, leave := context.WithCancel(t.Context())
	leave()
	_, readErr := w.Transcription(ctx, tr.OwnerID, tr.ID)
	_, headErr := w.Head(ctx, tr.OwnerID, tr.ID)
	_, eventsErr := w.Events(ctx, tr.OwnerID, tr.ID, 0, 10)
	for what, err := range map[string]error{
		"read": readErr, "poll": headErr, "look back": eventsErr, "create": w.CreateTranscription(ctx, NewTranscription(t, tr.OwnerID)), "begin": w.BeginUpload(ctx, tr.OwnerID, newID(t)),
		"cancel": w.CancelTranscription(ctx, tr.OwnerID, tr.ID), "retry": w.RetryTranscription(ctx, tr.OwnerID, transcription.NextRun{After: tr.Ref()}), "delete": w.DeleteTranscription(ctx, tr.OwnerID, tr.ID),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", what, err, context.Canceled)
		}
	}
	if got, err := w.Transcription(t.Context(), tr.OwnerID, tr.ID); err != nil || got.Status != transcription.Queued {
		t.Errorf("got %+v, %v, want it untouched", got, err)
	}
}
