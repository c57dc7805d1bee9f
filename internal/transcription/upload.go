package transcription

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// UploadStore keeps recordings on their way in, see Store.
type UploadStore interface {
	// BeginUpload records that the objects of a transcription are to be collected in
	// a day, unless CreateTranscription or ForgetUpload comes before: nobody else
	// would know of them when this process dies. Unauthenticated account_gone: the
	// account of the owner was deleted.
	BeginUpload(ctx context.Context, owner, id uuid.UUID) error
	// KnowsOwner returns nil as long as there is the account. Unauthenticated
	// account_gone: it was deleted.
	KnowsOwner(ctx context.Context, owner uuid.UUID) error
	// ForgetUpload takes BeginUpload back once no object is left.
	ForgetUpload(ctx context.Context, owner, id uuid.UUID) error
	// Admit returns nil when there is a place for one more of the owner's, of so many
	// bytes at least, else what Quota.Admit says. CreateTranscription and
	// RetryTranscription ask again.
	Admit(ctx context.Context, owner uuid.UUID, bytes int64) error
	// Usage returns what an owner has used, and the quota that holds for them.
	Usage(ctx context.Context, owner uuid.UUID) (Usage, Quota, error)
	// CreateTranscription inserts the file and the transcription, queued, with its
	// prepare step, or completed with its segments, if that is its status, in one
	// transaction, which also takes BeginUpload back. One of a batch is
	// where that says, and has its tags; Conflict batch_closed.
	CreateTranscription(ctx context.Context, t *Transcription) error
}

// sniffLen is how much of an upload is looked at before it is stored.
const sniffLen = 3072

// settleTime bounds what goes on behind a client that left.
const settleTime = 30 * time.Second

// Upload is a recording on its way in.
type Upload struct {
	FileName string
	Size     int64 // of Body at least, as far as it is known
	Body     io.Reader
	// Options is called after Body has been read: in a stream the options may
	// come behind the file.
	Options func() (Options, error)
	// Written is called after Options, and returns the text that the recording comes with.
	// Nil: it comes with none.
	Written func() Written
}

// Upload stores the recording and queues its transcription, or, if it comes with its text,
// completes it with that. When it fails,
// nothing stays behind for longer than a day. The transcription is on its way once it is returned:
// if it cannot be enqueued now, the reconciler does it.
func (s *Service) Upload(ctx context.Context, who auth.Actor, in Upload) (*Transcription, error) {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return nil, err
	}
	if err := s.store.Admit(ctx, who.UserID, max(in.Size, 1)); err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make an id: %w", err)
	}
	fileID, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make an id: %w", err)
	}
	now := s.now()
	t := &Transcription{ID: id, OwnerID: who.UserID, Run: 1, Status: Queued, CreatedAt: now, UpdatedAt: now}
	t.File = File{ID: fileID, OwnerID: who.UserID, Name: CleanName(in.FileName), Key: Prefix(who.UserID, id) + "source", CreatedAt: now}
	body, err := s.sniffed(&t.File, in.Body)
	if err != nil {
		return nil, err
	}
	if err := s.store.BeginUpload(ctx, t.OwnerID, t.ID); err != nil {
		return nil, err
	}
	if err := s.keep(ctx, who, t, body, in); err != nil {
		return nil, errors.Join(err, s.abandon(ctx, t))
	}
	if err := s.create(ctx, t); err != nil {
		return nil, err
	}
	if err := s.workers.Advance(ctx, t.Ref()); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Stringer("transcription", id).Msg("not enqueued yet, left to the reconciler")
	}
	return t, nil
}

// sniffed fills in the content type and returns the body with what was read of it.
func (s *Service) sniffed(f *File, body io.Reader) (io.Reader, error) {
	head := make([]byte, sniffLen)
	n, err := io.ReadFull(body, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("read the upload: %w", err)
	}
	head = head[:n]
	f.ContentType, err = s.sniff(head)
	return io.MultiReader(bytes.NewReader(head), body), err
}

// keep stores the body and reads the options and the text, which may come behind it.
func (s *Service) keep(ctx context.Context, who auth.Actor, t *Transcription, body io.Reader, in Upload) (err error) {
	body = &welcomeBody{Reader: body, now: s.now, next: s.now().Add(welcome), ask: func() error { return s.store.KnowsOwner(ctx, who.UserID) }}
	stored, err := s.objects.Upload(ctx, t.File.Key, body, s.limits.MaxBytes)
	if err != nil {
		return err
	}
	t.File.Size, t.File.SHA256, t.File.Seal = stored.Size, stored.SHA256, stored.Seal
	o, err := in.Options()
	if err != nil {
		return err
	}
	t.BatchID = o.Batch
	var w Written
	if in.Written != nil {
		w = in.Written()
	}
	if t.Options, err = s.acceptWith(ctx, who, o, w); err != nil {
		return err
	}
	return t.complete(w)
}

// create records the transcription. A client that leaves meanwhile ends nothing. Only
// a store that refuses is believed to have done nothing: when its answer is lost, the
// row may be there and need the recording. If it is not, the recording is collected
// in a day.
func (s *Service) create(ctx context.Context, t *Transcription) error {
	settle, cancel := settling(ctx)
	defer cancel()
	err := s.store.CreateTranscription(settle, t)
	if err == nil || !fault.Permanent(err) && !fault.Is(err, fault.RateLimited) {
		return err
	}
	return errors.Join(err, s.abandon(ctx, t))
}

// abandon removes what a refused upload has stored. Where that fails, it is
// collected in a day.
func (s *Service) abandon(ctx context.Context, t *Transcription) error {
	ctx, cancel := settling(ctx)
	defer cancel()
	if err := s.objects.Delete(ctx, t.File.Key); err != nil {
		return err
	}
	return s.store.ForgetUpload(ctx, t.OwnerID, t.ID)
}

// settling returns a context for what must be brought to its end although the
// client may have left.
func settling(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settleTime)
}

// CheckOptions returns what is wrong with o as far as it can be said without the
// recording, so that a client hears of it before it has sent gigabytes. W is what is known so
// far of the text that comes along.
func (s *Service) CheckOptions(ctx context.Context, who auth.Actor, o Options, w Written) error {
	if o.Batch != uuid.Nil {
		b, err := s.store.BatchHead(ctx, who.UserID, o.Batch)
		if err != nil {
			return err
		}
		if !b.ClosedAt.IsZero() {
			return BatchClosed()
		}
	}
	_, err := s.acceptWith(ctx, who, o, w)
	return err
}

// acceptWith is accept for a recording that may come with its text: no model has to be there
// that can do what nobody is to do.
func (s *Service) acceptWith(ctx context.Context, who auth.Actor, o Options, w Written) (Options, error) {
	if w.File == nil && w.Format == "" {
		return s.accept(ctx, who, o)
	}
	if err := mayAsk(who, o); err != nil {
		return o, err
	}
	return o.canonical()
}

// accept returns o in its canonical form, if the caller may ask for that and some worker
// can do it.
func (s *Service) accept(ctx context.Context, who auth.Actor, o Options) (Options, error) {
	if err := mayAsk(who, o); err != nil {
		return o, err
	}
	names, err := s.store.InstalledModels(ctx)
	if err != nil {
		return o, err
	}
	refused, err := s.store.RefusedModels(ctx)
	if err != nil {
		return o, err
	}
	if m := strings.TrimSpace(o.Model); refused[m] != "" && !slices.Contains(names, m) {
		return o, refusedModel(m, refused[m], names)
	}
	return o.validate(names)
}

// FileTooLarge is the fault of an upload of more than limit bytes.
func FileTooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "The file is larger than the %s allowed. Please upload a shorter or more strongly compressed recording.", bytesText(limit)).
		WithCode("file_too_large").With("limitBytes", limit)
}

// bytesText writes a size as people do: 10 GB, 1.5 MB, 12 bytes.
func bytesText(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	v, i := float64(n), 0
	for v >= 1000 && i < len(units)-1 {
		v, i = v/1000, i+1
	}
	return fmt.Sprintf("%.4g %s", v, units[i])
}
