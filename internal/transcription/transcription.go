// Package transcription is the domain: recordings, their transcriptions and the
// rules for both.
package transcription

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Status says where in its life a transcription is.
type Status string

// The statuses, in the order of a life. See docs/pipeline.md for the transitions.
const (
	Uploading    Status = "uploading"
	Queued       Status = "queued"
	Preparing    Status = "preparing"
	Transcribing Status = "transcribing"
	Merging      Status = "merging"
	Completed    Status = "completed"
	Failed       Status = "failed"
	Canceled     Status = "canceled"
)

// Statuses lists every status, in the order of a life.
var Statuses = []Status{Uploading, Queued, Preparing, Transcribing, Merging, Completed, Failed, Canceled}

// Final reports whether nothing more will happen to a run in status s.
func (s Status) Final() bool {
	switch s {
	case Completed, Failed, Canceled:
		return true
	default:
		return false
	}
}

// Partial reports whether a run in status s has the text of the parts done so far.
func (s Status) Partial() bool {
	switch s {
	case Preparing, Transcribing, Merging:
		return true
	default:
		return false
	}
}

// Ref names one run of one transcription. Retrying starts a new run, so work
// left over from an earlier run can be told apart and dropped. Runs count from 1; below
// zero they are of a Range.
type Ref struct {
	ID  uuid.UUID
	Run int
}

// String returns the reference as it stands in task ids and log lines.
func (r Ref) String() string { return fmt.Sprintf("%s:%d", r.ID, r.Run) }

// Options is what a person asks for when uploading.
type Options struct {
	Model     string // a model's name; empty: the best installed default
	Language  string // ISO 639-1 code; empty: detect
	Prompt    string // glossary given to every window, at most MaxPrompt runes
	Translate bool   // into English
	Split     bool   // the channels of a stereo recording are a speaker each
	Priority  Priority

	WebhookURL string    // is told of the end, besides its owner's webhooks; empty: none
	Batch      uuid.UUID // that it comes with; zero: none
}

// File is an uploaded recording.
type File struct {
	ID          uuid.UUID
	OwnerID     uuid.UUID
	Name        string // as the person called it; never part of a key
	ContentType string
	Size        int64  // bytes
	SHA256      string // hex
	Key         string // of the object
	Gone        bool   // the object was deleted
	Seal        Seal   // known when it is uploaded only
	CreatedAt   time.Time
}

// Seal is what it takes to read the objects of a transcription, beside a key of the
// operator's. The zero value: they are not encrypted.
type Seal struct {
	Key   []byte // the data key, encrypted
	By    string // the name of the key that it is encrypted with
	Texts bool   // what was said is encrypted as well
}

// Transcription is what a person has: the text of one recording, or the way
// there.
type Transcription struct {
	ID      uuid.UUID
	OwnerID uuid.UUID
	File    File
	Run     int
	Status  Status
	Options Options

	Model              string        // that is or was used; empty until prepare has chosen it
	Language           string        // pinned for the whole recording; empty until known
	LanguageConfidence float64       // 0–1; 1 when the person named it
	Duration           time.Duration // of the recording; 0 until known
	Missing            time.Duration // what the file promises beyond Duration, but does not hold
	Joined             bool          // another recording lies behind this one in its file, and is not read
	PeaksKey           string        // of the object with the outline (audio.Peaks); empty: there is none
	Progress           float64       // 0–1, seconds of audio done of all; never goes back within a run
	QueuePosition      int           // steps ahead of the next step of this one; 0 when none
	Estimate           time.Duration // until completed; 0 when nothing is known yet
	Soonest, Latest    time.Duration // the range of that: with nothing ahead and a fast engine, with all of it and a slow one

	Text     string
	Segments []Segment
	Partial  bool // there is more to come: text and segments are those of the chunks done so far, without words
	Warnings []Warning
	Coverage *Coverage // nil until completed
	Earlier  *Earlier  // of which text, segments, warnings and coverage are; nil: of the present run
	Failure  *Failure  // nil unless Failed
	Revision int       // 0: the machine's text
	Manifest *Manifest // of the text; nil unless it was asked for
	Range    *Range    // that is to be transcribed; nil: all of the recording

	LegalHold      bool      // nothing of it is deleted; read from a store also when a folder around it has the hold
	MediaExpiresAt time.Time // when the recording is deleted; zero: never, or it is
	ExpiresAt      time.Time // when all of it is; zero: never

	FolderID uuid.UUID // zero: in none
	BatchID  uuid.UUID // zero: in none
	Tags     []string
	Shared   Access // what the reader may do with what is somebody else's; empty: it is theirs
	SharedBy string // the address of whose it is then

	CreatedAt   time.Time
	UpdatedAt   time.Time
	ArchivedAt  time.Time // zero: it is not archived
	CompletedAt time.Time // zero until Completed
}

// Earlier is the run that has made the text, while another is on its way, has ended without
// a text, which nobody shall lose for that, or has completed, but what people had written
// was kept.
type Earlier struct {
	Run                int
	Model              string
	Language           string
	LanguageConfidence float64
	Translate          bool
	CompletedAt        time.Time
}

// Readable returns the transcription as it is to be exported: when its text is that of
// an earlier run, so are the model, the language and whether it is a translation. False: there is no text.
func (t *Transcription) Readable() (*Transcription, bool) {
	if t.Earlier == nil {
		return t, t.Status == Completed
	}
	as, e := *t, t.Earlier
	as.Status, as.Run, as.Model, as.Language, as.LanguageConfidence, as.CompletedAt = Completed, e.Run, e.Model, e.Language, e.LanguageConfidence, e.CompletedAt
	as.Options.Translate = e.Translate
	return &as, true
}

// Ref returns the name of the present run.
func (t *Transcription) Ref() Ref { return Ref{ID: t.ID, Run: t.Run} }

// Segment is a stretch of speech, usually a sentence. Start and End are on the
// recording's time line, whole milliseconds, End > Start.
type Segment struct {
	Start, End time.Duration
	Text       string // without surrounding spaces
	Speaker    string // empty when unknown
	Confidence float64
	Suspect    bool // the engine doubts this text; see Warnings
	Words      []Word
}

// Word is one word of a segment, with its punctuation. Times are as in Segment.
type Word struct {
	Start, End time.Duration
	Text       string // without spaces
	Confidence float64
	Glued      bool // no space before it: scripts without spaces, or a part of a word
}

// Warning tells a person something they should know about a result.
type Warning struct {
	Code    string
	Message string
}

// Failure tells why a run ended without a text.
type Failure struct {
	Code    string
	Message string
}

// hopeless are the failures that are the recording's own: another run would end the
// same way, so nobody needs the recording any more.
var hopeless = []string{"unreadable_media", "no_audio", "too_long", "unsupported_media", "empty_file"}

// Hopeless reports whether the recording itself is the reason. It goes with its run,
// unless an earlier one has made a text of it.
func (f Failure) Hopeless() bool { return slices.Contains(hopeless, f.Code) }

// AlreadyEnded is the fault of whoever would cancel a run that has ended with the
// status s.
func AlreadyEnded(s Status) error {
	message := "This transcription is completed already, so there is nothing to cancel. Delete it if you do not want it."
	if s == Failed {
		message = "This transcription has failed already, so there is nothing to cancel."
	}
	return fault.New(fault.Conflict, "%s", message).WithCode("already_ended").With("status", string(s))
}

// RecordingDamaged is the fault of whoever needs what is stored of a recording, when that
// is not what was stored.
func RecordingDamaged(err error) error {
	return fault.Wrap(err, fault.Damaged, "What is stored of this recording was damaged or changed and cannot be read. Please upload it again.").
		WithCode("recording_damaged")
}

// TextDamaged is the fault of whoever needs a text, when what is stored of it is not what
// was stored.
func TextDamaged(err error) error {
	return fault.Wrap(err, fault.Damaged, "What is stored of this text was damaged or changed and cannot be read. Please tell whoever runs this installation.").
		WithCode("text_damaged")
}

// Coverage is the receipt of a result: how much speech was found, and how much
// of it has words.
type Coverage struct {
	Speech  time.Duration // found by the speech detector
	Covered time.Duration // of that, inside words
	Gaps    []Gap         // speech longer than MinGap without any words
	Suspect int           // segments flagged
	Seams   []time.Duration
}

// Gap is a stretch of speech without words.
type Gap struct{ Start, End time.Duration }

// MinGap is the shortest stretch of speech without words that is reported.
const MinGap = 2 * time.Second

// MaxPrompt bounds the glossary: whisper keeps at most 224 tokens of it, and a
// long one makes repetitions likelier.
const MaxPrompt = 400
