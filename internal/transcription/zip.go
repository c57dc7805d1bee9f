package transcription

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// ZipStore keeps zips of texts, see Store.
type ZipStore interface {
	// CreateZip inserts a zip and sets its time. Conflict too_many_exports.
	CreateZip(ctx context.Context, z *Zip) error
	// Zips returns a page of the owner's, newest first, behind the one of that id; Zip one. Both
	// are without IDs.
	Zips(ctx context.Context, owner, before uuid.UUID, limit int) ([]Zip, error)
	Zip(ctx context.Context, owner, id uuid.UUID) (*Zip, error)
	// CancelZip ends one that is on its way; one that has ended stays as it is. DeleteZip
	// removes one, and leaves its file to be collected.
	CancelZip(ctx context.Context, owner, id uuid.UUID) error
	DeleteZip(ctx context.Context, owner, id uuid.UUID) error
}

// ZipState says how far a zip is.
type ZipState string

// The states of a zip.
const (
	ZipWaiting   ZipState = "waiting"
	ZipRunning   ZipState = "running"
	ZipCompleted ZipState = "completed" // it can be downloaded until it expires
	ZipFailed    ZipState = "failed"
	ZipCanceled  ZipState = "canceled"
)

// Zip is a bundle that is written in the background, for more than a request can wait for.
type Zip struct {
	ID      uuid.UUID
	OwnerID uuid.UUID
	State   ZipState
	Format  string
	Layout  url.Values  // its options
	IDs     []uuid.UUID // of what is in it, only for who writes it; zero for what was deleted since, or is shared with its owner no more
	Total   int         // how many these are
	Done    int         // of them
	Size    int64       // bytes; 0 until it is completed
	Key     string      // of the object; empty until then
	Failure *Failure

	CreatedAt   time.Time
	CompletedAt time.Time
	ExpiresAt   time.Time // when it is removed; zero until it is completed
}

// The bounds of zips.
const (
	MaxZip     = 100_000 // transcriptions in one
	MaxZips    = 5       // of a person that wait or are being written
	ZipKept    = 24 * time.Hour
	ZipTries   = 5
	zipLease   = 30 * time.Second
	zipRenewal = 5 * time.Second
	zipEvery   = 2 * time.Second
	zipsAtOnce = 2 // of one process: a large one keeps no other waiting
)

// Prefix returns the prefix of the objects of one attempt to write a zip, which that of the zip
// begins with.
func (z *Zip) Prefix(token uuid.UUID) string { return Prefix(z.OwnerID, z.ID) + token.String() + "/" }

// Ended reports whether nothing more will happen to a zip.
func (z *Zip) Ended() bool { return z.State != ZipWaiting && z.State != ZipRunning }

// NoZip is the fault of whoever asks for a zip that is not there.
func NoZip(id uuid.UUID) error { return fault.New(fault.NotFound, "There is no export %s.", id) }

// TooManyZips is the fault of one more than MaxZips.
func TooManyZips() error {
	return fault.New(fault.Conflict, "%d exports of yours are on their way, which is all there may be. Wait until one has ended, or cancel it.", MaxZips).
		WithCode("too_many_exports").With("limit", MaxZips)
}

// CreateZip has a zip of transcriptions of the caller's written in the background: of those
// of the ids, all of which must have a text, or of what has one in a batch. Faults are those of Bundle
// and BundleBatch, and Conflict too_many_exports.
func (s *Service) CreateZip(ctx context.Context, who auth.Actor, ids []uuid.UUID, batch uuid.UUID, f Format, layout url.Values) (*Zip, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	ids, err := s.zipped(ctx, who, ids, batch)
	if err != nil {
		return nil, err
	}
	z := &Zip{OwnerID: who.UserID, State: ZipWaiting, Format: f.Name, Layout: layout, IDs: ids, Total: len(ids)}
	if z.ID, err = uuid.NewV7(); err != nil {
		return nil, fmt.Errorf("make an id: %w", err)
	}
	return z, s.store.CreateZip(ctx, z)
}

// zipped returns what shall be in a zip, once each.
func (s *Service) zipped(ctx context.Context, who auth.Actor, ids []uuid.UUID, batch uuid.UUID) ([]uuid.UUID, error) {
	if batch != uuid.Nil {
		if _, err := s.store.BatchHead(ctx, who.UserID, batch); err != nil {
			return nil, err
		}
		var err error
		if ids, err = s.readableOf(ctx, who, batch); err != nil {
			return nil, err
		}
	}
	if len(ids) == 0 || len(ids) > MaxZip {
		return nil, fault.New(fault.Invalid, "Name 1 to %d transcriptions to export at once; these are %d.", MaxZip, len(ids)).
			WithCode("bundle_size").With("field", "ids").With("limit", MaxZip)
	}
	if batch != uuid.Nil {
		return ids, nil
	}
	return s.readableOnes(ctx, who, ids)
}

// Zips returns a page of the caller's, newest first, behind the one of that id.
func (s *Service) Zips(ctx context.Context, who auth.Actor, before uuid.UUID, limit int) ([]Zip, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	return s.store.Zips(ctx, who.UserID, before, limit)
}

// Zip returns one of the caller's.
func (s *Service) Zip(ctx context.Context, who auth.Actor, id uuid.UUID) (*Zip, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	return s.store.Zip(ctx, who.UserID, id)
}

// OpenZip opens the file of a zip of the caller's. Conflict not_completed: there is none yet;
// NotFound export_expired: there is none any more.
func (s *Service) OpenZip(ctx context.Context, who auth.Actor, id uuid.UUID) (io.ReadCloser, int64, error) {
	z, err := s.Zip(ctx, who, id)
	if err != nil {
		return nil, 0, err
	}
	if z.State != ZipCompleted {
		return nil, 0, fault.New(fault.Conflict, "There is no file of this export. Ask again when its status is completed.").WithCode("not_completed").With("status", string(z.State))
	}
	expired := fault.New(fault.NotFound, "The file of this export was removed. Make another one.").WithCode("export_expired")
	if !s.now().Before(z.ExpiresAt) {
		return nil, 0, expired
	}
	body, size, err := s.objects.Open(ctx, z.Key)
	if fault.Is(err, fault.NotFound) {
		err = expired
	}
	return body, size, err
}

// CancelZip ends the work on a zip of the caller's, and returns it as it is then. What has ended
// stays as it is.
func (s *Service) CancelZip(ctx context.Context, who auth.Actor, id uuid.UUID) (*Zip, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	if err := s.store.CancelZip(ctx, who.UserID, id); err != nil {
		return nil, err
	}
	return s.store.Zip(ctx, who.UserID, id)
}

// DeleteZip removes a zip of the caller's, whatever it is doing. Its file goes when it is collected.
func (s *Service) DeleteZip(ctx context.Context, who auth.Actor, id uuid.UUID) error {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return err
	}
	return s.store.DeleteZip(ctx, who.UserID, id)
}

// ZipLease is the right to write a zip, as that of a step is: what carries another token is
// refused with a Conflict.
type ZipLease struct {
	Zip     Zip
	Token   uuid.UUID
	Attempt int // 1 for the first; crashes count
}

// ZipWork is what those who write zips need of a store.
type ZipWork interface {
	// ClaimZip leases a zip that waits or whose lease has run out, and counts the attempt. Whose
	// zips are written least are first, then who has waited longest.
	// One out of attempts has failed then. NotFound: there is none.
	ClaimZip(ctx context.Context, lease time.Duration) (*ZipLease, error)
	// RenewZip extends a lease and records how much is done. Conflict: it is lost.
	RenewZip(ctx context.Context, l ZipLease, done int, lease time.Duration) error
	// ReleaseZip has it tried again after the delay.
	ReleaseZip(ctx context.Context, l ZipLease, after time.Duration) error
	// FinishZip completes it, FailZip ends it. Conflict: the lease is lost.
	FinishZip(ctx context.Context, l ZipLease, key string, s Stored) error
	FailZip(ctx context.Context, l ZipLease, f Failure) error
}

// Packer writes zips. Several may run, also in several processes.
type Packer struct {
	service  *Service
	work     ZipWork
	exporter Exporter
}

// NewPacker returns a packer that reads texts from a service and keeps zips with its objects.
func NewPacker(s *Service, work ZipWork, e Exporter) *Packer {
	return &Packer{service: s, work: work, exporter: e}
}

// Run writes what is to be written until ctx ends, two zips at a time.
func (p *Packer) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for range zipsAtOnce {
		all.Go(func() { p.run(ctx) })
	}
	all.Wait()
	return nil
}

func (p *Packer) run(ctx context.Context) {
	tick := time.NewTicker(zipEvery)
	defer tick.Stop()
	for {
		if err := p.Pack(ctx); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Error().Err(err).Msg("exports wait")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Pack writes all that can be written now, one after the other.
func (p *Packer) Pack(ctx context.Context) error {
	for ctx.Err() == nil {
		l, err := p.work.ClaimZip(ctx, zipLease)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.settle(ctx, *l, p.write(ctx, *l)); err != nil {
			return err
		}
	}
	return nil
}

// settle records what has become of an attempt. What was interrupted is left for whoever
// comes when the lease has run out.
func (p *Packer) settle(ctx context.Context, l ZipLease, err error) error {
	log := zerolog.Ctx(ctx).With().Stringer("export", l.Zip.ID).Int("attempt", l.Attempt).Logger()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return nil //nolint:nilerr // there is nothing to be said any more
	case fault.Is(err, fault.Conflict):
		log.Info().Err(err).Msg("export dropped: it is canceled or somebody else's")
		return nil
	case fault.Permanent(err), l.Attempt >= ZipTries:
		log.Warn().Err(err).Msg("export failed")
		f := fault.Of(err)
		if !fault.Permanent(err) {
			f = fault.New(fault.Unavailable, "This did not work after %d attempts. Please try again later or tell your administrator.", ZipTries).WithCode("gave_up")
		}
		err = p.work.FailZip(ctx, l, Failure{Code: f.Code, Message: f.Message})
	default:
		log.Warn().Err(err).Msg("export put off")
		err = p.work.ReleaseZip(ctx, l, time.Second<<l.Attempt)
	}
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// write writes a zip to where it is kept, as it comes, encrypted: what some of its texts are, their
// copies are as well, and a key that is deleted leaves nothing of them to be read. The token is part of its key: what
// somebody writes whose lease is lost lies beside it.
func (p *Packer) write(ctx context.Context, l ZipLease) error {
	f, layout, err := l.Zip.format()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var done atomic.Int64
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		p.renew(ctx, l, &done, cancel)
	}()
	in, out := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_ = out.CloseWithError(p.exporter.WriteZip(out, f, layout, p.texts(ctx, l, f, &done)))
	}()
	key := l.Zip.Prefix(l.Token) + "texts.zip"
	stored, err := p.service.objects.UploadSealed(ctx, key, in, maxZipBytes)
	_ = in.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // which never fails
	<-written
	lost := context.Cause(ctx)
	cancel(nil)
	<-renewed
	if lost != nil && fault.Is(lost, fault.Conflict) {
		return lost
	}
	if err != nil {
		return fmt.Errorf("write export %s: %w", l.Zip.ID, err)
	}
	return p.work.FinishZip(context.WithoutCancel(ctx), l, key, stored)
}

// maxZipBytes bounds the object of a zip.
const maxZipBytes = 1 << 40

// format returns what the texts are written as.
func (z *Zip) format() (Format, Layout, error) {
	f, err := FindFormat(z.Format)
	if err != nil {
		return f, Layout{}, err
	}
	layout, err := ReadLayout(f, z.Layout)
	return f, layout, err
}

// renew keeps a lease until ctx ends, and ends that when it is lost.
func (p *Packer) renew(ctx context.Context, l ZipLease, done *atomic.Int64, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(zipRenewal)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := p.work.RenewZip(ctx, l, int(done.Load()), zipLease); fault.Is(err, fault.Conflict) {
			cancel(err)
			return
		}
	}
}

// texts returns what is in a zip, in order. What was deleted or has no text any more is left out.
func (p *Packer) texts(ctx context.Context, l ZipLease, f Format, done *atomic.Int64) iter.Seq2[*Transcription, error] {
	who := auth.Actor{UserID: l.Zip.OwnerID, Permissions: []auth.Permission{auth.ReadTranscriptions}}
	return func(yield func(*Transcription, error) bool) {
		for _, id := range l.Zip.IDs {
			t, err := p.service.Readable(ctx, who, id, f)
			if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Conflict) {
				done.Add(1)
				continue
			}
			if !yield(t, err) || err != nil {
				return
			}
			done.Add(1)
		}
	}
}
