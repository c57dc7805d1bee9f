package transcription_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/transcription/transcriptiontest"
)

// store is the one in memory, which a test may have fail or watch.
type store struct {
	transcriptiontest.Store
	err       error                 // of creating
	lost      error                 // of creating, after it was done
	creating  func(context.Context) // called when a transcription is created
	canceling func()                // called when one is canceled
}

func (s *store) CreateTranscription(ctx context.Context, t *transcription.Transcription) error {
	if s.creating != nil {
		s.creating(ctx)
	}
	if s.err != nil {
		return s.err
	}
	return errors.Join(s.Store.CreateTranscription(ctx, t), s.lost)
}

func (s *store) CancelTranscription(ctx context.Context, owner, id uuid.UUID) error {
	err := s.Store.CancelTranscription(ctx, owner, id)
	if s.canceling != nil {
		s.canceling()
	}
	return err
}

// objects keeps the keys of what was uploaded.
type objects struct {
	keys      []string
	err       error
	apart     bool   // nobody else reaches them
	uploading func() // called when an upload begins
}

func (o *objects) Upload(_ context.Context, key string, r io.Reader, limit int64) (transcription.Stored, error) {
	if o.uploading != nil {
		o.uploading()
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return transcription.Stored{}, err
	}
	if int64(len(b)) > limit {
		return transcription.Stored{}, fault.New(fault.TooLarge, "The file is too large.")
	}
	o.keys = append(o.keys, key)
	return transcription.Stored{Size: int64(len(b)), SHA256: "sha"}, nil
}

func (o *objects) UploadSealed(ctx context.Context, key string, r io.Reader, limit int64) (transcription.Stored, error) {
	return o.Upload(ctx, key, r, limit)
}

func (o *objects) Open(_ context.Context, key string) (io.ReadCloser, int64, error) {
	if !slices.Contains(o.keys, key) {
		return nil, 0, fault.New(fault.NotFound, "There is no such object.")
	}
	return io.NopCloser(strings.NewReader(key)), int64(len(key)), nil
}

func (o *objects) OpenRange(ctx context.Context, key string, from, length int64) (io.ReadCloser, error) {
	r, _, err := o.Open(ctx, key)
	if err == nil {
		_, err = io.CopyN(io.Discard, r, from)
	}
	return io.NopCloser(io.LimitReader(r, length)), err
}

func (o *objects) Sign(_ context.Context, key string, as transcription.Served, lifetime time.Duration) (string, bool, error) {
	return key + "?" + as.ContentType + "&" + as.Disposition + "&" + lifetime.String(), !o.apart, nil
}

func (o *objects) Delete(ctx context.Context, keys ...string) error {
	if err := errors.Join(o.err, ctx.Err()); err != nil {
		return err
	}
	o.keys = slices.DeleteFunc(o.keys, func(k string) bool { return slices.Contains(keys, k) })
	return nil
}

func (o *objects) DeletePrefix(_ context.Context, prefix string) error {
	if o.err == nil {
		o.keys = slices.DeleteFunc(o.keys, func(k string) bool { return strings.HasPrefix(k, prefix) })
	}
	return o.err
}

// workers take note of what they are told.
type workers struct {
	refs    []transcription.Ref
	stopped []uuid.UUID
	err     error
}

func (w *workers) Advance(ctx context.Context, ref transcription.Ref) error {
	w.refs = append(w.refs, ref)
	return errors.Join(w.err, ctx.Err())
}

func (w *workers) Stop(ctx context.Context, id uuid.UUID) error {
	if err := errors.Join(w.err, ctx.Err()); err != nil {
		return err
	}
	w.stopped = append(w.stopped, id)
	return nil
}

// bundle is a service with everything around it.
type bundle struct {
	*transcription.Service
	store   *store
	objects *objects
	workers *workers
	who     auth.Actor
}

func setup() *bundle {
	b := &bundle{
		store:   new(store),
		objects: &objects{}, workers: &workers{}, who: authtest.Actor(uuid.New(), auth.Member),
	}
	sniff := func(head []byte) (string, error) {
		if strings.HasPrefix(string(head), "text") {
			return "", fault.New(fault.Unsupported, "This is text.").WithCode("unsupported_media")
		}
		return "audio/flac", nil
	}
	b.store.Install("tiny.en", "small")
	b.Service = transcription.NewService(b.store, b.objects, b.workers, sniff, transcription.Limits{MaxBytes: 10000})
	return b
}

func upload(body string, o transcription.Options) transcription.Upload {
	return transcription.Upload{FileName: "talk.flac", Body: strings.NewReader(body), Options: func() (transcription.Options, error) { return o, nil }}
}

func TestService_Upload(t *testing.T) {
	t.Parallel()
	b := setup()
	body := strings.Repeat("sound", 1000)
	got, err := b.Upload(t.Context(), b.who, upload(body, transcription.Options{Language: " DE ", Model: "small"}))
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != transcription.Queued || got.Run != 1 || got.File.Size != int64(len(body)) || got.File.ContentType != "audio/flac" || got.Options.Language != "de" {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff(b.objects.keys, []string{transcription.Prefix(b.who.UserID, got.ID) + "source"}); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(b.workers.refs, []transcription.Ref{got.Ref()}); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(got.File.Key, "talk") {
		t.Error("the key holds the person's file name")
	}
}

// A damaged file, one of another model and one that is too large were all answered
// with model_not_installed, though the file was there.
func TestService_Upload_refusedModels(t *testing.T) {
	t.Parallel()
	b := setup()
	b.store.Refuse(map[string]string{
		"tiny": "model_damaged", "base": "wrong_model", "medium": "model_too_large", "medium.en": "model_unreadable",
		"base.en": "a code of tomorrow", "small": "model_damaged", // but another worker has it
	})
	for model, want := range map[string]string{
		"tiny": "model_damaged", " base ": "wrong_model", "medium": "model_too_large", "medium.en": "model_unreadable",
		"base.en": "model_not_installed", "large-v3": "model_not_installed", "small": "", "": "",
	} {
		o := transcription.Options{Model: model}
		_, err := b.Upload(t.Context(), b.who, upload("sound", o))
		for what, err := range map[string]error{"upload": err, "check": b.CheckOptions(t.Context(), b.who, o, transcription.Written{})} {
			if want == "" && err == nil {
				continue
			}
			if f := fault.Of(err); err == nil || f.Kind != fault.Invalid || f.Code != want || f.Details["field"] != "model" {
				t.Errorf("%s of %q: got %v, want %s", what, model, err, want)
			}
		}
	}
}

func TestService_Upload_lostEnqueueIsNoError(t *testing.T) {
	t.Parallel()
	b := setup()
	b.workers.err = errors.New("no queue")
	_, err := b.Upload(t.Context(), b.who, upload("sound", transcription.Options{}))
	if err != nil || b.store.Rows() != 1 {
		t.Errorf("got %v", err)
	}
}

func TestService_Upload_failureLeavesNothing(t *testing.T) {
	t.Parallel()
	broken := errors.New("the client went away")
	tests := []struct {
		name string
		in   transcription.Upload
		who  func(auth.Actor) auth.Actor
		db   error
		code string
	}{
		{name: "nobody", in: upload("sound", transcription.Options{}), who: func(auth.Actor) auth.Actor { return auth.Actor{} }, code: "unauthenticated"},
		{name: "text", in: upload("text", transcription.Options{}), code: "unsupported_media"},
		{name: "too large", in: upload(strings.Repeat("x", 10001), transcription.Options{}), code: "too_large"},
		{name: "unknown language", in: upload("sound", transcription.Options{Language: "xx"}), code: "unknown_language"},
		{name: "unknown model", in: upload("sound", transcription.Options{Model: "huge"}), code: "unknown_model"},
		{name: "model not installed", in: upload("sound", transcription.Options{Model: "large-v3"}), code: "model_not_installed"},
		{name: "language the model lacks", in: upload("sound", transcription.Options{Model: "tiny.en", Language: "de"}), code: "language_not_supported"},
		{name: "translation it lacks", in: upload("sound", transcription.Options{Model: "tiny.en", Translate: true}), code: "translation_not_supported"},
		{name: "language none has", in: upload("sound", transcription.Options{Model: transcription.Best, Language: "yue"}), code: "language_not_supported"},
		{name: "long prompt", in: upload("sound", transcription.Options{Prompt: strings.Repeat("ü", transcription.MaxPrompt+1)}), code: "prompt_too_long"},
		{name: "broken options", in: transcription.Upload{Body: strings.NewReader("sound"), Options: func() (transcription.Options, error) { return transcription.Options{}, broken }}, code: "internal"},
		{name: "broken body", in: transcription.Upload{Body: io.MultiReader(strings.NewReader(strings.Repeat("x", 5000)), brokenReader{broken})}, code: "internal"},
		{name: "broken head", in: transcription.Upload{Body: brokenReader{broken}}, code: "internal"},
		{name: "refused by the database", in: upload("sound", transcription.Options{}), db: fault.New(fault.Conflict, "That exists already."), code: "conflict"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup()
			b.store.err = tt.db
			if tt.who != nil {
				b.who = tt.who(b.who)
			}
			_, err := b.Upload(t.Context(), b.who, tt.in)
			if err == nil || fault.Of(err).Code != tt.code {
				t.Errorf("got %v (%s), want %s", err, fault.Of(err).Code, tt.code)
			}
			if len(b.objects.keys) > 0 || b.store.Rows() > 0 || b.store.Uploads() > 0 || len(b.workers.refs) > 0 {
				t.Errorf("left behind: %v, %v, %v, %v", b.objects.keys, b.store.Rows(), b.store.Uploads(), b.workers.refs)
			}
		})
	}
}

// The answer to COMMIT was lost, the upload was taken for failed and its recording
// deleted. But the row was there: it stayed in the list and could never be prepared.
func TestService_Upload_answerOfTheDatabaseIsLost(t *testing.T) {
	t.Parallel()
	gone := fault.New(fault.Unavailable, "The database does not answer.")
	for name, fail := range map[string]func(*store){
		"and the row is there":     func(s *store) { s.lost = gone },
		"and the row is not there": func(s *store) { s.err = gone },
		"for whatever reason":      func(s *store) { s.lost = context.DeadlineExceeded },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup()
			fail(b.store)
			if _, err := b.Upload(t.Context(), b.who, upload("sound", transcription.Options{})); err == nil {
				t.Error("nobody is told")
			}
			if len(b.objects.keys) != 1 || b.store.Rows()+b.store.Uploads() != 1 {
				t.Errorf("got objects %v, %d rows, %d uploads to collect; want the object, and either of the others",
					b.objects.keys, b.store.Rows(), b.store.Uploads())
			}
		})
	}
}

// TestService_Upload_processDies: while an object may be there without a row, it is
// written down that nobody may need it.
func TestService_Upload_processDies(t *testing.T) {
	t.Parallel()
	b := setup()
	begun := func() {
		if b.store.Uploads() != 1 {
			t.Errorf("%d uploads have begun, want 1", b.store.Uploads())
		}
	}
	b.objects.uploading = begun
	b.store.creating = func(context.Context) { begun() }
	_, err := b.Upload(t.Context(), b.who, upload("sound", transcription.Options{}))
	if err != nil || b.store.Uploads() > 0 {
		t.Errorf("got %v; still begun: %v", err, b.store.Uploads())
	}
}

// TestService_Upload_cleaningUpFails: what cannot be removed now is removed later.
func TestService_Upload_cleaningUpFails(t *testing.T) {
	t.Parallel()
	b := setup()
	b.objects.err = errors.New("the storage is gone")
	_, err := b.Upload(t.Context(), b.who, upload("sound", transcription.Options{Model: "huge"}))
	if fault.Of(err).Code != "unknown_model" || !errors.Is(err, b.objects.err) || b.store.Uploads() != 1 {
		t.Errorf("got %v, uploads %v", err, b.store.Uploads())
	}
}

// TestService_Upload_clientLeavesAtTheEnd: neither the transaction nor the cleaning
// up is broken off in the middle, and neither has longer than it needs.
func TestService_Upload_clientLeavesAtTheEnd(t *testing.T) {
	t.Parallel()
	for database, want := range map[error]int{nil: 1, fault.New(fault.Conflict, "That exists already."): 0} {
		b := setup()
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		b.store.err = database
		b.store.creating = func(ctx context.Context) {
			leave()
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > time.Minute {
				t.Errorf("the transaction may take until %v", deadline)
			}
		}
		_, err := b.Upload(ctx, b.who, upload("sound", transcription.Options{}))
		if !errors.Is(err, database) || b.store.Rows() != want || len(b.objects.keys) != want || b.store.Uploads() > 0 {
			t.Errorf("got %v with %v; rows %v, objects %v, uploads %v", err, database, b.store.Rows(), b.objects.keys, b.store.Uploads())
		}
	}
}

type brokenReader struct{ err error }

func (f brokenReader) Read([]byte) (int, error) { return 0, f.err }

func TestService_ownTranscriptionsOnly(t *testing.T) {
	t.Parallel()
	b := setup()
	tr, err := b.Upload(t.Context(), b.who, upload("sound", transcription.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	other := authtest.Actor(uuid.New(), auth.Member)
	if _, err := b.Transcription(t.Context(), other, tr.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("read: got %v", err)
	}
	if err := b.Delete(t.Context(), other, tr.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("delete: got %v", err)
	}
	if page, _, err := b.Transcriptions(t.Context(), other, transcription.Filter{Limit: 10}); err != nil || len(page) != 0 {
		t.Errorf("list: got %v, %v", page, err)
	}
	if got, err := b.Transcription(t.Context(), b.who, tr.ID); err != nil || got.ID != tr.ID {
		t.Errorf("got %v, %v", got, err)
	}
	for _, limit := range []int{0, transcription.MaxPage + 1} {
		if _, _, err := b.Transcriptions(t.Context(), b.who, transcription.Filter{Limit: limit}); fault.Of(err).Code != "invalid_limit" {
			t.Errorf("limit %d: got %v", limit, err)
		}
	}
}

// A recording is opened for its owner only, for as long as it is kept.
func TestService_Recording(t *testing.T) {
	t.Parallel()
	b := setup()
	tr, err := b.Upload(t.Context(), b.who, upload("sound", transcription.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	body, err := b.Recording(t.Context(), b.who, tr.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(body); err != nil || string(got) != tr.File.Key {
		t.Errorf("got %q, %v", got, err)
	}
	_, foreign := b.Recording(t.Context(), authtest.Actor(uuid.New(), auth.Member), tr.ID)
	b.objects.keys = nil
	_, gone := b.Recording(t.Context(), b.who, tr.ID)
	for what, err := range map[string]error{"somebody else's": foreign, "one that is gone": gone} {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: got %v, want not_found", what, err)
		}
	}
}

func TestService_Delete(t *testing.T) {
	t.Parallel()
	for _, storage := range []error{nil, errors.New("the storage is gone")} {
		b := setup()
		tr, err := b.Upload(t.Context(), b.who, upload("sound", transcription.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		b.objects.err = storage
		if err := b.Delete(t.Context(), b.who, tr.ID); err != nil {
			t.Errorf("storage %v: %v", storage, err)
		}
		if b.store.Rows() > 0 || storage == nil && len(b.objects.keys) > 0 {
			t.Errorf("left behind: %v %v", b.store.Rows(), b.objects.keys)
		}
		if diff := cmp.Diff([]uuid.UUID{tr.ID}, b.workers.stopped); diff != "" {
			t.Errorf("-want +stopped: %s", diff)
		}
	}
}

func TestService_Cancel(t *testing.T) {
	t.Parallel()
	b := setup()
	tr, err := b.Upload(t.Context(), b.who, upload("sound", transcription.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	for want, who := range map[fault.Kind]auth.Actor{
		fault.Unauthenticated: {},
		fault.NotFound:        authtest.Actor(uuid.New(), auth.Member),
		fault.Forbidden:       authtest.Actor(b.who.UserID, "spectator"),
	} {
		if _, err := b.Cancel(t.Context(), who, tr.ID); !fault.Is(err, want) {
			t.Errorf("%+v: got %v, want %s", who, err, want)
		}
	}
	if now, err := b.Transcription(t.Context(), b.who, tr.ID); err != nil || len(b.workers.stopped) > 0 || now.Status != transcription.Queued {
		t.Errorf("strangers made it %+v, %v, and stopped %v", now, err, b.workers.stopped)
	}
	b.workers.refs = nil
	for range 2 {
		got, err := b.Cancel(t.Context(), b.who, tr.ID)
		if err != nil || got.ID != tr.ID || got.Status != transcription.Canceled {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	if len(b.workers.stopped) != 2 || len(b.workers.refs) != 2 || len(b.objects.keys) != 1 {
		t.Errorf("stopped %v, advanced %v, objects %v", b.workers.stopped, b.workers.refs, b.objects.keys)
	}
	b.store.Change(tr.ID, func(tr *transcription.Transcription) { tr.Status = transcription.Completed })
	if _, err := b.Cancel(t.Context(), b.who, tr.ID); fault.Of(err).Code != "already_ended" || len(b.workers.stopped) != 2 {
		t.Errorf("got %v, stopped %v", err, b.workers.stopped)
	}
}

// TestService_Cancel_workersMustHear: a client that leaves once the row is changed
// keeps nobody at work, and a queue that is gone is no error: workers learn it from
// the store.
func TestService_Cancel_workersMustHear(t *testing.T) {
	t.Parallel()
	for _, queue := range []error{nil, errors.New("the queue is gone")} {
		b := setup()
		tr, err := b.Upload(t.Context(), b.who, upload("sound", transcription.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(t.Context())
		b.store.canceling, b.workers.err = leave, queue
		if _, err := b.Cancel(ctx, b.who, tr.ID); !errors.Is(err, context.Canceled) {
			t.Errorf("queue %v: got %v, want that the client has left", queue, err)
		}
		if got, err := b.Transcription(t.Context(), b.who, tr.ID); err != nil || got.Status != transcription.Canceled {
			t.Errorf("queue %v: got %v, %v", queue, got, err)
		}
		if (len(b.workers.stopped) == 1) != (queue == nil) {
			t.Errorf("queue %v: stopped %v", queue, b.workers.stopped)
		}
	}
}

func TestService_Models(t *testing.T) {
	t.Parallel()
	b := setup()
	b.store.Install("small", "demo.en", "my-own")
	got, err := b.Models(t.Context())
	if err != nil || len(got) != 2 || got[0].Name != transcription.DemoModel || got[1].Name != "small" {
		t.Errorf("got %v, %v", got, err)
	}
	if d := transcription.DefaultModel([]string{"small", "demo.en", "my-own"}); d.Name != "small" {
		t.Errorf("the default is %q", d.Name)
	}
	if d := transcription.DefaultModel(nil); d.Name != "" {
		t.Errorf("the default of none is %q", d.Name)
	}
}

func TestOptions_withoutWorkers(t *testing.T) {
	t.Parallel()
	b := setup()
	b.store.Install()
	for o, code := range map[transcription.Options]string{
		{}:                                   "",
		{Model: "large-v3"}:                  "",
		{Language: "auto"}:                   "",
		{Model: "huge"}:                      "unknown_model",
		{Model: "base.en", Language: "ja"}:   "language_not_supported",
		{Model: "base", Language: "yue"}:     "language_not_supported",
		{Model: "large-v3", Language: "yue"}: "",
		{Model: transcription.Best, Language: "ja"}: "",
	} {
		err := b.CheckOptions(t.Context(), b.who, o, transcription.Written{})
		if got := fault.Of(err); code == "" && err != nil || code != "" && got.Code != code {
			t.Errorf("%+v: got %v, want %q", o, err, code)
		}
	}
}

// Where texts are encrypted nothing can be found in them, and nobody is shown an empty list
// instead of being told. What is not in a text is found as ever.
func TestService_Transcriptions_sealed(t *testing.T) {
	t.Parallel()
	b := setup()
	b.Service = transcription.NewService(b.store, b.objects, b.workers, nil, transcription.Limits{NoSearch: true})
	for field, f := range map[string]transcription.Filter{"q": {Query: "word", Limit: 1}, "speaker": {Speaker: "Ann", Limit: 1}} {
		_, _, err := b.Transcriptions(t.Context(), b.who, f)
		if f := fault.Of(err); f == nil || f.Kind != fault.Invalid || f.Code != "search_off" || f.Details["field"] != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
	if _, _, err := b.Transcriptions(t.Context(), b.who, transcription.Filter{Name: "talk", Language: "en", Limit: 1}); err != nil {
		t.Error(err)
	}
}
