package transcription

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// BatchStore keeps batches, see Store.
type BatchStore interface {
	// CreateBatch inserts a batch and sets its time. NotFound: there is no such folder.
	CreateBatch(ctx context.Context, b *Batch) error
	// Batches returns a page of the owner's, newest first, behind the one of that id; Batch
	// one of them, with its failures.
	Batches(ctx context.Context, owner, before uuid.UUID, limit int) ([]Batch, error)
	Batch(ctx context.Context, owner, id uuid.UUID) (*Batch, error)
	// BatchHead returns one without what is in it, cheaply.
	BatchHead(ctx context.Context, owner, id uuid.UUID) (*Batch, error)
	// CloseBatch has a batch take no more. In the transaction in which it is closed and all of it
	// has ended, whichever is the last, its completion is recorded and told.
	CloseBatch(ctx context.Context, owner, id uuid.UUID) error
	// BatchInWork returns which transcriptions of a batch have not ended.
	BatchInWork(ctx context.Context, owner, id uuid.UUID) ([]uuid.UUID, error)
	// DeleteBatch removes a batch; what is in it stays.
	DeleteBatch(ctx context.Context, owner, id uuid.UUID) error
}

// Batch is recordings that somebody sends together: uploads name it until it is closed,
// and it is completed when all of them have ended.
type Batch struct {
	ID       uuid.UUID
	OwnerID  uuid.UUID
	Name     string
	Options  Options // of uploads that ask for nothing else; the WebhookURL is told when it is completed
	FolderID uuid.UUID
	Tags     []string
	Expected int // uploads, behind which it is closed; 0: somebody closes it

	Counts   map[Status]int // of its transcriptions
	Progress float64        // 0–1, a recording counts as much as any
	Failures []BatchFailure // the first MaxPage of them; nil in lists

	CreatedAt   time.Time
	ClosedAt    time.Time // zero: it takes more
	CompletedAt time.Time // zero: it has not ended yet. It stays when one is run again
}

// BatchFailure is a transcription of a batch that has failed.
type BatchFailure struct {
	ID       uuid.UUID
	FileName string
	Failure  Failure
}

// Total returns how many transcriptions there are in a batch.
func (b *Batch) Total() (n int) {
	for _, count := range b.Counts {
		n += count
	}
	return n
}

// The bounds of batches.
const (
	MaxBatchName = 200     // letters
	MaxExpected  = 100_000 // uploads
)

// BatchClosed is the fault of an upload to a batch that takes no more.
func BatchClosed() error {
	return fault.New(fault.Conflict, "This batch is closed and takes no more recordings. Make another one.").WithCode("batch_closed").With("field", "batch")
}

// NoBatch is the fault of whoever names a batch that is not there.
func NoBatch(id uuid.UUID) error { return fault.New(fault.NotFound, "There is no batch %s.", id) }

// CreateBatch makes a batch of what b asks for, and completes it. Faults are those of options;
// Invalid invalid_name, invalid_expected, invalid_tag; NotFound: there is no such folder.
func (s *Service) CreateBatch(ctx context.Context, who auth.Actor, b *Batch) error {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return err
	}
	if b.Name = clean(b.Name); b.Name == "" || utf8.RuneCountInString(b.Name) > MaxBatchName {
		return fault.New(fault.Invalid, "The name of a batch has 1 to %d letters.", MaxBatchName).WithCode("invalid_name").With("field", "name")
	}
	if b.Expected < 0 || b.Expected > MaxExpected {
		return fault.New(fault.Invalid, "Say how many recordings are expected, from 1 to %d; 0 is until the batch is closed.", MaxExpected).WithCode("invalid_expected").With("field", "expected").With("limit", MaxExpected)
	}
	var err error
	if b.Tags, err = checkTags(b.Tags); err != nil {
		return err
	}
	url := b.Options.WebhookURL
	if b.Options, err = s.accept(ctx, who, b.Options); err != nil {
		return err
	}
	b.Options.WebhookURL = url
	if b.ID, err = uuid.NewV7(); err != nil {
		return fmt.Errorf("make an id: %w", err)
	}
	b.OwnerID = who.UserID
	return s.store.CreateBatch(ctx, b)
}

// Batches returns a page of the caller's batches, newest first, behind the one of that id.
func (s *Service) Batches(ctx context.Context, who auth.Actor, before uuid.UUID, limit int) ([]Batch, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	return s.store.Batches(ctx, who.UserID, before, limit)
}

// Batch returns a batch of the caller's.
func (s *Service) Batch(ctx context.Context, who auth.Actor, id uuid.UUID) (*Batch, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	return s.store.Batch(ctx, who.UserID, id)
}

// BatchHead returns a batch of the caller's without what is in it.
func (s *Service) BatchHead(ctx context.Context, who auth.Actor, id uuid.UUID) (*Batch, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	return s.store.BatchHead(ctx, who.UserID, id)
}

// CloseBatch has a batch take no more, and returns it as it is then: completed, if all of it has
// ended. Closing what is closed already is no error.
func (s *Service) CloseBatch(ctx context.Context, who auth.Actor, id uuid.UUID) (*Batch, error) {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return nil, err
	}
	if err := s.store.CloseBatch(ctx, who.UserID, id); err != nil {
		return nil, err
	}
	s.fill(ctx)
	return s.store.Batch(ctx, who.UserID, id)
}

// CancelBatch closes a batch and cancels what of it is on its way. What has ended by then
// stays as it is. It may be asked for again where it was interrupted.
func (s *Service) CancelBatch(ctx context.Context, who auth.Actor, id uuid.UUID) (*Batch, error) {
	if _, err := s.CloseBatch(ctx, who, id); err != nil {
		return nil, err
	}
	ids, err := s.store.BatchInWork(ctx, who.UserID, id)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		err := s.store.CancelTranscription(ctx, who.UserID, id)
		if err != nil && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		if err := s.workers.Stop(ctx, id); err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Stringer("transcription", id).Msg("workers learn it when they renew their leases")
		}
	}
	s.fill(ctx)
	return s.store.Batch(ctx, who.UserID, id)
}

// fill has somebody look at what is to be done now, a delivery perhaps, or what waits for a
// place in the queue; also when the client leaves.
func (s *Service) fill(ctx context.Context) {
	ctx, cancel := settling(ctx)
	defer cancel()
	if err := s.workers.Advance(ctx, Ref{}); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("left to the reconciler")
	}
}

// DeleteBatch removes a batch. What is in it stays, and is in none then.
func (s *Service) DeleteBatch(ctx context.Context, who auth.Actor, id uuid.UUID) error {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return err
	}
	return s.store.DeleteBatch(ctx, who.UserID, id)
}

// BundleBatch is Bundle for what has a text in a batch, in the order of upload. NotFound: there is no
// such batch. Invalid bundle_size: nothing in it has a text, or too much.
func (s *Service) BundleBatch(ctx context.Context, who auth.Actor, id uuid.UUID, f Format) (iter.Seq2[*Transcription, error], error) {
	if _, err := s.BatchHead(ctx, who, id); err != nil {
		return nil, err
	}
	ids, err := s.readableOf(ctx, who, id)
	if err != nil {
		return nil, err
	}
	return s.Bundle(ctx, who, ids, f)
}

// readableOf returns which transcriptions of a batch have a text, oldest first.
func (s *Service) readableOf(ctx context.Context, who auth.Actor, batch uuid.UUID) (ids []uuid.UUID, err error) {
	f := Filter{Batch: batch, Limit: MaxPage}
	for {
		page, err := s.store.Transcriptions(ctx, who.UserID, f)
		if err != nil {
			return nil, err
		}
		for i := range page {
			if _, ok := page[i].Readable(); ok {
				ids = append(ids, page[i].ID)
			}
			f.After = Cursor{CreatedAt: page[i].CreatedAt, ID: page[i].ID}
		}
		if len(page) < MaxPage {
			slices.Reverse(ids)
			return ids, nil
		}
	}
}

// ProgressOf returns the progress of a batch whose recordings' own add up to sum. More may be
// expected until it is closed. It is 1 when nothing is left.
func (b *Batch) ProgressOf(sum float64) float64 {
	n, closed := b.Total(), !b.ClosedAt.IsZero()
	if !closed {
		n = max(n, b.Expected)
	}
	switch {
	case n > 0:
		return math.Min(sum/float64(n), 1)
	case closed:
		return 1
	default:
		return 0
	}
}
