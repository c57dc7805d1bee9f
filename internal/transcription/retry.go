package transcription

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// RunStore ends and begins runs, see Store.
type RunStore interface {
	// CancelTranscription ends the run in the status canceled and leaves its chunks
	// to be collected; the recording stays. One that is canceled already stays as it
	// is. Conflict already_ended: it has completed or failed.
	CancelTranscription(ctx context.Context, owner, id uuid.UUID) error
	// RetryTranscription begins another run, queued, behind one that has ended.
	// Conflict in_work: that is not the present run, or it has not ended;
	// recording_gone: there is nothing to run again. While ranges are on their way it is
	// in_work too.
	RetryTranscription(ctx context.Context, owner uuid.UUID, next NextRun) error
	// DeleteTranscription removes the rows at once, whatever the status, and
	// leaves the objects to be collected. Conflict legal_hold: it is held.
	DeleteTranscription(ctx context.Context, owner, id uuid.UUID) error
}

// Retry is what another run shall do otherwise; nil is as before.
type Retry struct {
	Model     *string
	Language  *string
	Prompt    *string
	Translate *bool
	Split     *bool
	Priority  *Priority
}

// of returns the options of the next run behind one with o.
func (r Retry) of(o Options) Options {
	change(&o.Model, r.Model)
	change(&o.Language, r.Language)
	change(&o.Prompt, r.Prompt)
	change(&o.Translate, r.Translate)
	change(&o.Split, r.Split)
	change(&o.Priority, r.Priority)
	return o
}

func change[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

// NextRun is what a store needs to begin another run.
type NextRun struct {
	After   Ref // the run that has ended
	Options Options
	Anew    bool // model and language are to be found out again
}

// Retry begins another run of a transcription that has ended, and returns it as it is
// then. What the earlier ones have finished and the new one would do in the same way is
// not done again. Faults are those of options and Conflict in_work or recording_gone.
func (s *Service) Retry(ctx context.Context, who auth.Actor, id uuid.UUID, r Retry) (*Transcription, error) {
	next, err := s.retry(ctx, who, id, r)
	if err != nil {
		return nil, err
	}
	if err := s.workers.Advance(ctx, next); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Stringer("transcription", id).Msg("not enqueued yet, left to the reconciler")
	}
	return s.store.Transcription(ctx, who.UserID, id)
}

// retry returns the run that it has begun, which is not enqueued.
func (s *Service) retry(ctx context.Context, who auth.Actor, id uuid.UUID, r Retry) (Ref, error) {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return Ref{}, err
	}
	t, err := s.store.Head(ctx, who.UserID, id)
	if err != nil {
		return Ref{}, err
	}
	if t.Shared != "" {
		return Ref{}, ownerOnly(nil)
	}
	if err := t.Retriable(); err != nil {
		return Ref{}, err
	}
	next, err := s.nextRun(ctx, who, t, r)
	if err != nil {
		return Ref{}, err
	}
	return Ref{ID: id, Run: next.After.Run + 1}, s.store.RetryTranscription(ctx, who.UserID, next)
}

// nextRun checks the options. The model and the language that were found out stay while
// what is asked for is the same and the model is there: so what is finished fits.
func (s *Service) nextRun(ctx context.Context, who auth.Actor, t *Transcription, r Retry) (NextRun, error) {
	o, err := s.accept(ctx, who, r.of(t.Options))
	if err != nil {
		return NextRun{}, err
	}
	names, err := s.store.InstalledModels(ctx)
	if err != nil {
		return NextRun{}, err
	}
	same := o
	same.Prompt, same.Split, same.Priority = t.Options.Prompt, t.Options.Split, t.Options.Priority
	anew := same != t.Options || !slices.Contains(names, t.Model)
	return NextRun{After: t.Ref(), Options: o, Anew: anew}, nil
}

// Retriable returns a Conflict unless another run can begin: in_work while one is on its
// way, recording_gone when the recording was the reason of the failure and has gone
// with it. One of which there is a text from an earlier run has not.
func (t *Transcription) Retriable() error {
	if !t.Status.Final() {
		return fault.New(fault.Conflict, "This transcription is being worked on. Wait until it has ended, or cancel it first.").
			WithCode("in_work").With("status", string(t.Status))
	}
	if t.useless() {
		return fault.New(fault.Conflict, "The recording could not be used and is no longer stored, so running it again cannot help. Upload another file.").
			WithCode(codeRecordingGone).With("failure", t.Failure.Code)
	}
	if t.File.Gone {
		return fault.New(fault.Conflict, "The recording is no longer stored, so there is nothing to run again. Upload it once more.").WithCode(codeRecordingGone)
	}
	return nil
}

const codeRecordingGone = "recording_gone"

// useless reports whether the recording was the reason of the failure, and has gone with it. One
// that was held has not.
func (t *Transcription) useless() bool {
	return t.File.Gone && t.Failure != nil && t.Failure.Hopeless() && t.Earlier == nil
}

// Changes returns which options b asks for otherwise than a, by the names of the API.
func Changes(a, b Options) map[string]any {
	changed := map[string]any{}
	for name, pair := range map[string][2]any{
		"model": {a.Model, b.Model}, "language": {a.Language, b.Language}, "prompt": {a.Prompt, b.Prompt},
		"translate": {a.Translate, b.Translate}, "split": {a.Split, b.Split}, "priority": {a.Priority.String(), b.Priority.String()},
	} {
		if pair[0] != pair[1] {
			changed[name] = pair[1]
		}
	}
	return changed
}
