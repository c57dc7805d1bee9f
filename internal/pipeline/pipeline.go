// Package pipeline carries a transcription from upload to text, one method per
// step: Prepare, Transcribe, Merge. Advance enqueues what is ready; Reconcile
// repairs what has stopped.
//
// Postgres (Store) holds the truth and the queue holds hints: every step may be
// delivered twice, late or never. A step is worked on under a lease; whoever has
// lost it has its writes refused.
package pipeline

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Kind is what a step does.
type Kind string

// The kinds of steps, in order.
const (
	Prepare    Kind = "prepare"    // find the sound, cut it into chunks
	Transcribe Kind = "transcribe" // turn one chunk into segments
	Merge      Kind = "merge"      // join the segments of all chunks
	Deliver    Kind = "deliver"    // tell a receiver what has happened
)

// Kinds lists every kind, in order.
var Kinds = []Kind{Prepare, Transcribe, Merge, Deliver}

// Lane is where steps of a kind wait in the queue. Those to be transcribed are apart
// by what their workers decode on, the other kinds are for every worker.
type Lane string

// The lanes.
const (
	Common Lane = ""
	GPU    Lane = "gpu"
	CPU    Lane = "cpu"
)

// Lanes lists the lanes of a kind, the one that is filled first before the others.
func (k Kind) Lanes() []Lane {
	if k == Transcribe {
		return []Lane{GPU, CPU}
	}
	return []Lane{Common}
}

// Queue returns the name of the queue for steps of that kind in a lane. Each has its
// own, so that a slow one cannot hold up the others.
func (k Kind) Queue(l Lane) string {
	if l == Common {
		return string(k)
	}
	return string(k) + "-" + string(l)
}

// Step is one piece of a run; of Deliver, which belongs to no run, Ref has the id of
// the delivery. Index is the chunk's for Transcribe and 0 for the others. Gen grows
// with every dispatch, so that a task left over in the queue can neither block nor
// repeat a newer one. Lane is the one it was dispatched to.
type Step struct {
	Ref   transcription.Ref
	Kind  Kind
	Index int
	Gen   int
	Lane  Lane
}

// String returns the step as it stands in task ids and log lines.
func (s Step) String() string { return fmt.Sprintf("%s:%s:%d:%d", s.Kind, s.Ref, s.Index, s.Gen) }

// Lease is the right to work on a step until it expires. Token fences writes:
// the store refuses those that carry an old one, with a Conflict.
type Lease struct {
	Step    Step
	Token   uuid.UUID
	Attempt int    // 1 for the first; crashes count
	Worker  string // who holds it
}

// Chunk is the unit of work and of retry: a stretch of sound in its own object.
type Chunk struct {
	Ref     transcription.Ref
	Index   int
	Channel int // from 1; 0: all of them, mixed
	audio.Piece
	Cut string // how it was cut, see Recipe
	Key string // of the object: signed 16-bit little-endian samples from Piece.From to Piece.To
}

// Source is what prepare learns about a recording.
type Source struct {
	Duration           audio.Samples // as the container says, later as decoded; 0: unknown
	Missing            audio.Samples // promised by the container, but not there; known at the end
	Joined             bool          // another recording lies behind this one in its file, and is not read
	Model              string        // chosen for all chunks
	Language           string        // pinned for all chunks; empty: not known yet
	LanguageConfidence float64
	Chunks             int    // cut of it; known at the end
	Peaks              string // key of the object with its outline (audio.Peaks); known at the end
}

// ChunkResult is what transcribe makes of a chunk. Times are on the recording's
// time line.
type ChunkResult struct {
	Chunk    Chunk
	Segments []transcription.Segment
	Speech   []audio.Span  // found by the speech detector
	Decoded  audio.Samples // given to the engine, silence left out
	Elapsed  time.Duration // spent decoding, the sum over all windows, for estimates
	Made     string        // how, see Recipe
	Weights  string        // SHA-256 of the file of the model
}

// Transcript is what merge makes of all chunk results.
type Transcript struct {
	Segments []transcription.Segment
	Text     string
	Warnings []transcription.Warning
	Coverage transcription.Coverage
}

// Runs is the part of the store that knows transcriptions.
//
// Every write is fenced by the lease: a Conflict means that the lease is lost or
// the run is over, and the caller drops its result.
type Runs interface {
	// Run returns the run of ref, Conflict when it is over or another has begun,
	// NotFound when it was deleted. One of a range is the transcription with the range,
	// and its options, model and language.
	Run(ctx context.Context, ref transcription.Ref) (*transcription.Transcription, error)
	// SaveSource records what is known of the recording; the status becomes
	// preparing. It may be called again as more is known. Of a range the length is known
	// already.
	SaveSource(ctx context.Context, l Lease, s Source) error
	// Adopt makes chunks of an earlier run chunks of this one, up to the first that
	// cannot be used any more: with their results where they were made by the same
	// recipe, else to be transcribed again. It does nothing when the run has chunks.
	Adopt(ctx context.Context, l Lease, r Recipe) error
	// Chunks returns the chunks cut so far, in order.
	Chunks(ctx context.Context, ref transcription.Ref) ([]Chunk, error)
	// Chunk returns the chunk of that index. NotFound: it is not cut yet.
	Chunk(ctx context.Context, ref transcription.Ref, index int) (Chunk, error)
	// AddChunks records chunks that follow each other, together with their Transcribe
	// steps. It is an error when the one before the first is not recorded: the store may
	// forget, see FinishPrepare.
	AddChunks(ctx context.Context, l Lease, cs ...Chunk) error
	// FinishPrepare records that there are no more chunks, the true length and where the
	// outline is, instead of that of an earlier run. It is an error when there are fewer than the source says: a store that has crashed may have
	// forgotten the latest, and another attempt cuts them again.
	FinishPrepare(ctx context.Context, l Lease, s Source) error
	// FinishChunk records the result of a chunk and raises the progress.
	FinishChunk(ctx context.Context, l Lease, r ChunkResult) error
	// Results returns the results of all chunks, in order. Conflict: a chunk is not
	// done yet, or the run is over.
	Results(ctx context.Context, ref transcription.Ref) ([]ChunkResult, error)
	// Complete records the transcript; the status becomes completed. That of a range
	// becomes the part of the present text that it is about, as a revision. If that part was
	// edited since the range was asked for, what was there comes back, as a further revision.
	Complete(ctx context.Context, l Lease, t Transcript) error
}

// Steps is the part of the store that knows who works on what.
type Steps interface {
	// Claim gives a lease on the step and counts the attempt. Conflict: the step
	// is done, somebody else's, of an older generation or run, or out of
	// attempts.
	Claim(ctx context.Context, s Step, worker string, lease time.Duration) (Lease, error)
	// Renew extends the lease. Conflict: it is lost, or the run is over.
	Renew(ctx context.Context, l Lease, lease time.Duration) error
	// Hear raises the progress by what was heard of the chunk that is being transcribed, in
	// all of this attempt. That of a range it leaves as it is. Conflict: the lease is lost, or
	// the run is over.
	Hear(ctx context.Context, l Lease, heard audio.Samples) error
	// Release hands the step back to be dispatched again after the delay. An
	// attempt that was merely interrupted does not count.
	Release(ctx context.Context, l Lease, after time.Duration, interrupted bool) error
	// Elsewhere reports whether a living worker other than the lease's has the model
	// that its step needs.
	Elsewhere(ctx context.Context, l Lease) (bool, error)
	// Fail ends the run of the lease's step. Conflict: the lease is lost, or the
	// run is over.
	Fail(ctx context.Context, l Lease, f transcription.Failure) error
	// Advance makes steps that have become ready: Merge once all chunks are
	// done. It is idempotent.
	Advance(ctx context.Context, ref transcription.Ref) error
	// Dispatch marks waiting steps as being in the queue and returns them with
	// their lane and a new generation. It keeps at most window steps in each lane,
	// or for 0 twice as many as the living workers have slots there and at least
	// LeastWindow, and takes owners in turn. A step that a GPU can do is for the
	// GPUs as long as there are any; see docs/pipeline.md.
	Dispatch(ctx context.Context, window int) ([]Step, error)
	// Undispatch puts a step back that the queue did not accept.
	Undispatch(ctx context.Context, s Step) error
}

// Ledger is what Reconcile needs of the store. All methods act on at most limit
// rows.
type Ledger interface {
	// Rescue makes steps with an expired lease wait again and returns them;
	// those out of attempts are returned as exhausted instead.
	Rescue(ctx context.Context, limit int) (rescued, exhausted []Step, err error)
	// GiveUp ends the run of an exhausted step. It does nothing, and that is no
	// error, when the step has moved on since or the run is over.
	GiveUp(ctx context.Context, s Step, f transcription.Failure) error
	// Stale returns steps that have been in the queue for longer than age
	// without being claimed.
	Stale(ctx context.Context, age time.Duration, limit int) ([]Step, error)
	// UndispatchAll puts every step that is in the queue back: the queue has
	// lost its memory.
	UndispatchAll(ctx context.Context) (int, error)
	// Unadvanced returns runs that have all chunks done but no merge step.
	Unadvanced(ctx context.Context, limit int) ([]transcription.Ref, error)
	// Epoch returns the last epoch of the queue that SetEpoch recorded.
	Epoch(ctx context.Context) (string, error)
	SetEpoch(ctx context.Context, epoch string) error
	// Garbage returns key prefixes of objects nobody needs any more: those of deleted
	// transcriptions, the chunks of completed runs, and those of failed and canceled
	// ones that were kept for another run long enough.
	Garbage(ctx context.Context, limit int) ([]string, error)
	// Collected forgets prefixes whose objects are gone.
	Collected(ctx context.Context, prefixes []string) error
	// DeleteExpired deletes recordings, and transcriptions as a whole, that are kept no longer, and
	// returns how many of each. Their objects become garbage. What is held is not deleted.
	DeleteExpired(ctx context.Context, limit int) (media, whole int, err error)
	// Forget removes what was heard in chunks of runs that ended long ago, and returns
	// in how many.
	Forget(ctx context.Context, limit int) (int, error)
}

// Store is the whole of it.
type Store interface {
	Runs
	Steps
	Ledger
}

// Queue carries hints to workers. Enqueue is idempotent for a step with its
// generation.
type Queue interface {
	Enqueue(ctx context.Context, s Step) error
	// Holds reports whether the step's task still waits in the queue. One that
	// the queue believes to be worked on does not: its worker would have claimed
	// the step.
	Holds(ctx context.Context, s Step) (bool, error)
}

// Memory is what the queue is kept in.
type Memory interface {
	// Epoch names the memory: a new value means that the old one was lost.
	Epoch(ctx context.Context) (string, error)
}

// Blobs keeps recordings and chunks.
type Blobs interface {
	Open(ctx context.Context, key string) (io.ReadCloser, int64, error)
	Put(ctx context.Context, key string, body []byte) error
	DeletePrefix(ctx context.Context, prefix string) error
}

// Media reads sound out of media files.
type Media interface {
	// Listen stages the recording and opens it. With channels 2 those of a stereo
	// recording are kept apart; all others, and with 1 every one, are mixed. Faults:
	// Invalid no_audio or unreadable_media, TooLarge too_long.
	Listen(ctx context.Context, r io.Reader, channels int) (Recording, error)
}

// Recording is an opened recording: 16 kHz signed 16-bit little-endian samples, those
// of two channels in turn, on the player's time line. Close removes everything
// staged.
type Recording interface {
	io.ReadCloser
	// Channels is how many there are: 1 or 2.
	Channels() int
	// Duration is the length the container claims; 0 when it does not say.
	Duration() time.Duration
	// Missing is how much of the sound that the container promises was not there;
	// known when Read has returned io.EOF.
	Missing() time.Duration
	// Joined reports whether another recording lies behind this one in the same file, in
	// a container of which only the first is read.
	Joined() bool
}

// Engine turns speech into text. Every call may run in another process that can
// crash: such an error is Unavailable or Internal and worth another attempt.
type Engine interface {
	// Slots is how many windows are decoded at once.
	Slots() int
	// Choose returns the installed model that does what is asked for, as
	// transcription.ChooseModel does. Invalid model_not_installed lists what is.
	Choose(o transcription.Options) (transcription.Model, error)
	// Model returns the facts of the installed model of that name.
	Model(name string) (transcription.Model, error)
	// Identity stands for all of the engine that a text depends on: the same model
	// by that name and the same program have the same.
	Identity(model string) (string, error)
	// Checksum returns the SHA-256 of the file of that model.
	Checksum(model string) (string, error)
	// Detect returns the probability of each language in the window.
	Detect(ctx context.Context, model string, window []int16) (map[string]float64, error)
	// Speech returns where somebody speaks in pcm, in order and relative to its start;
	// ok is false when it has nothing to hear that by.
	Speech(ctx context.Context, pcm []int16) (spans []audio.Span, ok bool, err error)
	// Decode returns the segments of one window of at most 30 s, times relative
	// to its start. No more than Slots calls are made at once.
	Decode(ctx context.Context, model string, o DecodeOptions, window []int16) ([]transcription.Segment, error)
}

// Hooks sends deliveries.
type Hooks interface {
	// Deliver makes an attempt at a delivery and records what became of it under the
	// lease with that token, which that ends. Conflict: the lease is lost.
	Deliver(ctx context.Context, delivery, token uuid.UUID, attempt int) error
}

// DecodeOptions is what decoding depends on besides the sound.
type DecodeOptions struct {
	Language  string
	Prompt    string
	Translate bool
}
