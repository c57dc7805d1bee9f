package transcription

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/auth"
)

// Store keeps transcriptions. Every read and write is scoped: by owner, or, where it says
// who, by whoever may do that, which is the owner, somebody with whom it is shared, or who has a
// link. Who is the id of an account or of a link (auth.Actor.ID). Everything else is NotFound.
type Store interface {
	UploadStore
	RunStore
	RevisionStore
	RangeStore
	FolderStore
	BatchStore
	ZipStore
	RetentionStore
	LinkStore
	ShareStore
	QueueStore
	ModelStore
	PresenceStore

	// Head returns one without its text and segments, cheaply, since clients poll it.
	// Whatever changes the text also changes the Run, the Revision or UpdatedAt.
	Head(ctx context.Context, who, id uuid.UUID) (*Transcription, error)
	// Outcomes returns how far those of the ids are that who may read.
	Outcomes(ctx context.Context, who uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]Outcome, error)
	// Transcription returns one with its text and segments; these have no words while
	// there is more to come.
	Transcription(ctx context.Context, who, id uuid.UUID) (*Transcription, error)
	// Plan returns what the present text is of when a run has made it.
	Plan(ctx context.Context, who uuid.UUID, ref Ref) (Plan, error)
	// Transcriptions returns a page of the owner's, or of what others share with them, newest
	// first, without text and segments.
	// Invalid nothing_to_find: the query of the filter has no words.
	Transcriptions(ctx context.Context, owner uuid.UUID, f Filter) ([]Transcription, error)
	// Matches returns the first MaxMatches segments in which a query finds something, of
	// some transcriptions.
	Matches(ctx context.Context, who uuid.UUID, ids []uuid.UUID, query string) (map[uuid.UUID][]Match, error)
	// Events returns what has happened to a transcription, oldest first, behind the
	// event of that id; at most limit.
	Events(ctx context.Context, owner, id uuid.UUID, after int64, limit int) ([]Event, error)
}

// Objects keeps the recordings.
type Objects interface {
	// Upload streams r into an object. On any failure neither the object nor a
	// part of it stays. TooLarge: more than limit bytes.
	Upload(ctx context.Context, key string, r io.Reader, limit int64) (Stored, error)
	// UploadSealed does so, and encrypts it whatever is set for new uploads.
	UploadSealed(ctx context.Context, key string, r io.Reader, limit int64) (Stored, error)
	// Open returns the content of an object and its size. NotFound: it is gone.
	Open(ctx context.Context, key string) (io.ReadCloser, int64, error)
	// OpenRange returns length bytes of an object, from the byte from on. NotFound: it is
	// gone.
	OpenRange(ctx context.Context, key string, from, length int64) (io.ReadCloser, error)
	// Sign returns an address under which anybody may read an object for a while. False:
	// nobody but us can reach it, or understand it.
	Sign(ctx context.Context, key string, as Served, lifetime time.Duration) (url string, ok bool, err error)
	Delete(ctx context.Context, keys ...string) error
	DeletePrefix(ctx context.Context, prefix string) error
}

// Stored is what is to be kept of an upload.
type Stored struct {
	Size   int64  // bytes
	SHA256 string // of the content, in hex
	Seal   Seal   // without which it cannot be read again
}

// Workers is the way to those who do the work. An error means that they will learn
// of it later, not that anything is lost.
type Workers interface {
	// Advance enqueues what is ready.
	Advance(ctx context.Context, ref Ref) error
	// Stop makes them let go at once of a transcription that was canceled or deleted.
	Stop(ctx context.Context, id uuid.UUID) error
}

// Limits are the bounds of an upload, which are told before the first byte, and of what can
// be done with texts.
type Limits struct {
	MaxBytes    int64
	MaxDuration time.Duration
	NoSearch    bool // texts are encrypted, so nothing can be found in them
}

// MaxPage is the largest page of a list.
const MaxPage = 100

// Cursor is the place in a list after which a page starts.
type Cursor struct {
	CreatedAt time.Time
	ID        uuid.UUID
}

// Service is what people can do with transcriptions.
type Service struct {
	store   Store
	objects Objects
	workers Workers
	sniff   func(head []byte) (contentType string, err error)
	limits  Limits
	now     func() time.Time
}

// NewService returns a service. Sniff returns the content type of the first
// bytes of an upload, or an Unsupported fault for what surely is no recording.
func NewService(store Store, objects Objects, workers Workers, sniff func([]byte) (string, error), limits Limits) *Service {
	return &Service{store: store, objects: objects, workers: workers, sniff: sniff, limits: limits, now: time.Now}
}

// Limits returns the bounds of an upload.
func (s *Service) Limits() Limits { return s.limits }

// Head returns one transcription that the caller may read without its text and segments,
// which are the same for as long as Run, Revision and UpdatedAt are.
func (s *Service) Head(ctx context.Context, who auth.Actor, id uuid.UUID) (*Transcription, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	return s.store.Head(ctx, who.ID(), id)
}

// Transcription returns one transcription that the caller may read with its text.
func (s *Service) Transcription(ctx context.Context, who auth.Actor, id uuid.UUID) (*Transcription, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	return s.store.Transcription(ctx, who.ID(), id)
}

// Recording opens the recording of a transcription that the caller may read, with the faults
// of Media.
func (s *Service) Recording(ctx context.Context, who auth.Actor, id uuid.UUID) (io.ReadCloser, error) {
	m, err := s.Media(ctx, who, id)
	if err != nil {
		return nil, err
	}
	body, _, err := s.objects.Open(ctx, m.Key)
	return body, err
}

// Cancel ends the work on a transcription, whatever it is doing, and returns it as
// it is then. The recording stays. Canceling what is canceled already is no error.
// Conflict already_ended: it has completed or failed.
func (s *Service) Cancel(ctx context.Context, who auth.Actor, id uuid.UUID) (*Transcription, error) {
	if err := s.cancel(ctx, who, id); err != nil {
		return nil, err
	}
	s.fill(ctx)
	return s.store.Transcription(ctx, who.UserID, id)
}

func (s *Service) cancel(ctx context.Context, who auth.Actor, id uuid.UUID) error {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return err
	}
	if err := s.store.CancelTranscription(ctx, who.UserID, id); err != nil {
		return s.withheld(ctx, who, id, err)
	}
	s.letGo(ctx, id)
	return nil
}

// letGo frees the workers of a transcription that is canceled or gone, also when the
// client leaves.
func (s *Service) letGo(ctx context.Context, id uuid.UUID) {
	ctx, cancel := settling(ctx)
	defer cancel()
	if err := s.workers.Stop(ctx, id); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Stringer("transcription", id).Msg("workers learn it when they renew their leases")
	}
}

// Delete removes a transcription with its recording, whatever it is doing. The
// objects go now where possible, else when the reconciler collects them.
func (s *Service) Delete(ctx context.Context, who auth.Actor, id uuid.UUID) error {
	if err := s.delete(ctx, who, id); err != nil {
		return err
	}
	s.fill(ctx)
	return nil
}

func (s *Service) delete(ctx context.Context, who auth.Actor, id uuid.UUID) error {
	if err := who.Require(auth.WriteTranscriptions); err != nil {
		return err
	}
	if err := s.store.DeleteTranscription(ctx, who.UserID, id); err != nil {
		return s.withheld(ctx, who, id, err)
	}
	s.letGo(ctx, id)
	if err := s.objects.DeletePrefix(ctx, Prefix(who.UserID, id)); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Stringer("transcription", id).Msg("objects stay until they are collected")
	}
	return nil
}

// Models returns the models that can be asked for now, lowest rank first.
func (s *Service) Models(ctx context.Context) ([]Model, error) {
	names, err := s.store.InstalledModels(ctx)
	if err != nil {
		return nil, err
	}
	return installed(names), nil
}

// Prefix returns the prefix of all objects of a transcription.
func Prefix(owner, id uuid.UUID) string { return "u/" + owner.String() + "/" + id.String() + "/" }

// OfObject returns the transcription that an object belongs to. False: it belongs to none.
func OfObject(key string) (id uuid.UUID, ok bool) {
	parts := strings.SplitN(key, "/", 4)
	if len(parts) < 4 || parts[0] != "u" {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(parts[2])
	return id, err == nil
}
