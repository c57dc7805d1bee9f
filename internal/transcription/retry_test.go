package transcription_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// What was found out stays as long as it fits, so that what is finished can be used.
func TestService_Retry(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	yes, no := true, false
	asked := transcription.Options{Language: "de", Prompt: "Ada"}
	for name, tt := range map[string]struct {
		in    transcription.Retry
		model string // that was used
		want  transcription.Options
		anew  bool
		code  string
	}{
		"as before":                       {transcription.Retry{}, "small", asked, false, ""},
		"another prompt":                  {transcription.Retry{Prompt: text("Bob")}, "small", transcription.Options{Language: "de", Prompt: "Bob"}, false, ""},
		"channels":                        {transcription.Retry{Split: &yes}, "small", transcription.Options{Language: "de", Prompt: "Ada", Split: true}, false, ""},
		"what it is already":              {transcription.Retry{Translate: &no, Language: text("de")}, "small", asked, false, ""},
		"another language":                {transcription.Retry{Language: text("fr")}, "small", transcription.Options{Language: "fr", Prompt: "Ada"}, true, ""},
		"language to be detected":         {transcription.Retry{Language: text("auto")}, "small", transcription.Options{Prompt: "Ada"}, true, ""},
		"another model":                   {transcription.Retry{Model: text("best")}, "small", transcription.Options{Model: "best", Language: "de", Prompt: "Ada"}, true, ""},
		"translated":                      {transcription.Retry{Translate: &yes}, "small", transcription.Options{Language: "de", Prompt: "Ada", Translate: true}, true, ""},
		"the model is not there any more": {transcription.Retry{}, "large-v3", asked, true, ""},
		"none was chosen":                 {transcription.Retry{}, "", asked, true, ""},
		"a model that cannot":             {transcription.Retry{Model: text("tiny.en")}, "small", asked, false, "language_not_supported"},
		"no language":                     {transcription.Retry{Language: text("xx")}, "small", asked, false, "unknown_language"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup()
			id := uuid.New()
			b.store.Insert(transcription.Transcription{ID: id, OwnerID: b.who.UserID, Run: 3, Status: transcription.Canceled, Options: asked, Model: tt.model, Language: "de"})
			got, err := b.Retry(t.Context(), b.who, id, tt.in)
			if tt.code != "" {
				if err == nil || fault.Of(err).Code != tt.code {
					t.Errorf("got %v, want %s", err, tt.code)
				}
				if len(b.workers.refs) > 0 {
					t.Errorf("advanced %v", b.workers.refs)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Run != 4 || got.Status != transcription.Queued || got.Options != tt.want || (got.Model == "") != tt.anew || (got.Language == "") != tt.anew {
				t.Errorf("got %+v, want %+v, found anew %v", got, tt.want, tt.anew)
			}
			if diff := cmp.Diff([]transcription.Ref{{ID: id, Run: 4}}, b.workers.refs); diff != "" {
				t.Errorf("-want +advanced\n%s", diff)
			}
		})
	}
}

func TestService_Retry_refused(t *testing.T) {
	t.Parallel()
	b := setup()
	add := func(s transcription.Status, failure string) uuid.UUID {
		tr := transcription.Transcription{ID: uuid.New(), OwnerID: b.who.UserID, Run: 1, Status: s}
		if failure != "" {
			tr.Failure = &transcription.Failure{Code: failure}
			tr.File.Gone = tr.Failure.Hopeless()
		}
		b.store.Insert(tr)
		return tr.ID
	}
	for _, s := range transcription.Statuses {
		_, err := b.Retry(t.Context(), b.who, add(s, ""), transcription.Retry{})
		if want := map[bool]string{false: "in_work", true: ""}[s.Final()]; err == nil && want != "" || err != nil && fault.Of(err).Code != want {
			t.Errorf("%s: got %v, want %q", s, err, want)
		}
	}
	for code, want := range map[string]string{"gave_up": "", "recording_missing": "", "no_audio": "recording_gone", "unreadable_media": "recording_gone", "too_long": "recording_gone"} {
		_, err := b.Retry(t.Context(), b.who, add(transcription.Failed, code), transcription.Retry{})
		if err == nil && want != "" || err != nil && fault.Of(err).Code != want {
			t.Errorf("%s: got %v, want %q", code, err, want)
		}
	}
	before := transcription.Transcription{
		ID: uuid.New(), OwnerID: b.who.UserID, Run: 2, Status: transcription.Failed,
		Failure: &transcription.Failure{Code: "unreadable_media"}, Earlier: &transcription.Earlier{Run: 1},
	}
	b.store.Insert(before)
	if _, err := b.Retry(t.Context(), b.who, before.ID, transcription.Retry{}); err != nil {
		t.Errorf("what could be read before: got %v", err)
	}
	held := transcription.Transcription{ID: uuid.New(), OwnerID: b.who.UserID, Run: 1, Status: transcription.Failed, Failure: &transcription.Failure{Code: "no_audio"}}
	b.store.Insert(held)
	if _, err := b.Retry(t.Context(), b.who, held.ID, transcription.Retry{}); err != nil {
		t.Errorf("one of no use whose recording was held: got %v", err)
	}
	ended := add(transcription.Completed, "")
	if _, err := b.Retry(t.Context(), authtest.Actor(uuid.New(), auth.Member), ended, transcription.Retry{}); !fault.Is(err, fault.NotFound) {
		t.Errorf("by a stranger: got %v", err)
	}
	if _, err := b.Retry(t.Context(), auth.Actor{}, ended, transcription.Retry{}); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("by nobody: got %v", err)
	}
	b.workers.err = errors.New("no queue")
	if _, err := b.Retry(t.Context(), b.who, ended, transcription.Retry{}); err != nil {
		t.Errorf("without a queue: got %v, which the reconciler would mend", err)
	}
}

func TestTranscription_Readable(t *testing.T) {
	t.Parallel()
	for _, s := range transcription.Statuses {
		tr := &transcription.Transcription{Status: s, Run: 2, Model: "tiny", Language: "de"}
		if got, ok := tr.Readable(); got != tr || ok != (s == transcription.Completed) {
			t.Errorf("%s: got %+v, %v", s, got, ok)
		}
		tr.Earlier = &transcription.Earlier{Run: 1, Model: "small", Language: "en"}
		if got, ok := tr.Readable(); !ok || got.Run != 1 || got.Model != "small" || got.Language != "en" || tr.Run != 2 || tr.Model != "tiny" {
			t.Errorf("%s with an earlier text: got %+v, %v", s, got, ok)
		}
	}
}
