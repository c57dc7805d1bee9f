package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// large bounds the body of a whole text: ten hours with the times of all words have some
// ten megabytes.
const large = 16 << 20

// rewriteIn is a whole text: a plain one, which is laid on the times of the one before, or
// segments.
type rewriteIn struct {
	Text     *string              `json:"text"`
	Segments *longList[segmentIn] `json:"segments"`
}

// segmentIn has what an answer has of a segment, so that one can be sent back. What is
// not for people to write is not looked at.
type segmentIn struct {
	Index      *int     `json:"index"`
	Start      instant  `json:"start"`
	End        instant  `json:"end"`
	Text       string   `json:"text"`
	Speaker    *string  `json:"speaker"`
	Confidence *float64 `json:"confidence"`
	Suspect    *bool    `json:"suspect"`
	Words      []wordIn `json:"words"`
}

type wordIn struct {
	Start      instant `json:"start"`
	End        instant `json:"end"`
	Text       string  `json:"text"`
	Confidence float64 `json:"confidence"`
	Glued      bool    `json:"glued"`
}

type editsIn struct {
	Edits longList[editIn] `json:"edits"`
}

type editIn struct {
	Op         transcription.EditOp `json:"op"`
	Segment    *int                 `json:"segment"`
	Text       *string              `json:"text"`
	Speaker    *string              `json:"speaker"`
	Start      *instant             `json:"start"`
	End        *instant             `json:"end"`
	At         *instant             `json:"at"`
	Word       *int                 `json:"word"`
	From       *string              `json:"from"`
	To         *string              `json:"to"`
	Find       *string              `json:"find"`
	With       *string              `json:"with"`
	MatchCase  bool                 `json:"matchCase"`
	WholeWords bool                 `json:"wholeWords"`
}

// instant is a time in seconds, as people send it.
type instant float64

func (i instant) duration() time.Duration { return transcription.FromSeconds(float64(i)) }

func (i *instant) orNil() *time.Duration {
	if i == nil {
		return nil
	}
	d := i.duration()
	return &d
}

func (in segmentIn) domain() transcription.NewSegment {
	n := transcription.NewSegment{Start: in.Start.duration(), End: in.End.duration(), Text: in.Text, Speaker: orZero(in.Speaker)}
	for _, w := range in.Words {
		n.Words = append(n.Words, transcription.Word{
			Start: w.Start.duration(), End: w.End.duration(), Text: w.Text, Confidence: w.Confidence, Glued: w.Glued,
		})
	}
	return n
}

// needs are the fields without which an edit would be another one than was meant. Which of
// two times it has to have is said where it is done.
var needs = map[transcription.EditOp][]string{
	transcription.SetText: {"segment", "text"}, transcription.SetSpeaker: {"segment", "speaker"}, transcription.SetTimes: {"segment"},
	transcription.MoveBoundary: {"segment"}, transcription.Split: {"segment"}, transcription.Join: {"segment"}, transcription.Remove: {"segment"},
	transcription.Insert: {"text"}, transcription.RenameSpeaker: {"from", "to"}, transcription.Replace: {"find", "with"},
}

// complete returns Invalid missing_field when a field is not there that the edit needs.
func (in editIn) complete() error {
	there := map[string]bool{
		"segment": in.Segment != nil, "text": in.Text != nil, "speaker": in.Speaker != nil,
		"from": in.From != nil, "to": in.To != nil, "find": in.Find != nil, "with": in.With != nil,
	}
	for _, name := range needs[in.Op] {
		if !there[name] {
			return transcription.MissingField(name)
		}
	}
	return nil
}

// orZero is what a field holds, and nothing where it is not there.
func orZero[T any](v *T) (zero T) {
	if v == nil {
		return zero
	}
	return *v
}

func (in editIn) domain() transcription.Edit {
	return transcription.Edit{
		Op: in.Op, Segment: orZero(in.Segment), Text: orZero(in.Text), Speaker: orZero(in.Speaker), Word: in.Word, From: orZero(in.From), To: orZero(in.To),
		Start: in.Start.orNil(), End: in.End.orNil(), At: in.At.orNil(),
		Find: orZero(in.Find), With: orZero(in.With), MatchCase: in.MatchCase, WholeWords: in.WholeWords,
	}
}

// domain returns the edits. Invalid missing_field.
func (in editsIn) domain() ([]transcription.Edit, error) {
	list := make([]transcription.Edit, len(in.Edits))
	for i, e := range in.Edits {
		if err := e.complete(); err != nil {
			return nil, err
		}
		list[i] = e.domain()
	}
	return list, nil
}

// rewriteTranscription makes the body the whole text.
func (s *Server) rewriteTranscription(c echo.Context) error {
	var in rewriteIn
	return s.changeTranscription(c, &in, func(ctx context.Context, id uuid.UUID, base *int) (*transcription.Transcription, error) {
		if (in.Text == nil) == (in.Segments == nil) {
			return nil, fault.New(fault.Invalid, "Send either the text or the segments.").WithCode("text_or_segments")
		}
		if in.Text != nil {
			return s.transcriptions.Retext(ctx, actor(c), id, base, *in.Text)
		}
		list := make([]transcription.NewSegment, len(*in.Segments))
		for i, segment := range *in.Segments {
			list[i] = segment.domain()
		}
		return s.transcriptions.Rewrite(ctx, actor(c), id, base, list)
	})
}

// editTranscription does the edits of the body, all of them or none.
func (s *Server) editTranscription(c echo.Context) error {
	var in editsIn
	return s.changeTranscription(c, &in, func(ctx context.Context, id uuid.UUID, base *int) (*transcription.Transcription, error) {
		edits, err := in.domain()
		if err != nil {
			return nil, err
		}
		return s.transcriptions.Edit(ctx, actor(c), id, base, edits)
	})
}

// importTranscription makes what a file says the text. The body is the file.
func (s *Server) importTranscription(c echo.Context) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	file, err := io.ReadAll(c.Request().Body)
	if err != nil {
		if f := bodyFault(err); f != nil {
			return f
		}
		return err
	}
	return s.changeTranscription(c, nil, func(ctx context.Context, id uuid.UUID, base *int) (*transcription.Transcription, error) {
		return s.transcriptions.Import(ctx, actor(c), id, base, q.Get("format"), file)
	})
}

// changeTranscription has the text of the transcription of the path changed, and answers
// with it as it is then.
func (s *Server) changeTranscription(c echo.Context, body any, do func(ctx context.Context, id uuid.UUID, base *int) (*transcription.Transcription, error)) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	t, err := s.changeText(c, id, body, func(ctx context.Context, base *int) (*transcription.Transcription, error) { return do(ctx, id, base) })
	if err != nil {
		return err
	}
	head, err := newTaggedHead(t)
	if err != nil {
		return err
	}
	head.setHeader(c)
	return answer(c, http.StatusOK, newTranscriptionJSON(t))
}

// changeText reads what a change of a text needs, has it done, and returns the text as it is
// then.
func (s *Server) changeText(c echo.Context, id uuid.UUID, body any, do func(ctx context.Context, base *int) (*transcription.Transcription, error)) (*transcription.Transcription, error) {
	base, err := readBase(c, id)
	if err != nil {
		return nil, err
	}
	if body != nil {
		if err := readJSON(c, body); err != nil {
			return nil, err
		}
	}
	t, err := do(c.Request().Context(), base)
	return t, withBoth(err)
}

// readBase returns the revision that If-Match names: that of the ETag of an answer about that
// transcription. Nil is whatever there is.
func readBase(c echo.Context, id uuid.UUID) (*int, error) {
	tag := strings.TrimSpace(c.Request().Header.Get("If-Match"))
	if tag == "" || tag == "*" {
		return nil, nil //nolint:nilnil // nil is a base
	}
	revision, ok := taggedBase(id, strings.Trim(strings.TrimPrefix(tag, "W/"), `"`))
	if !ok {
		return nil, fault.New(fault.Stale, "If-Match must be the ETag of one answer with this text. Read it again.").WithCode("unknown_etag")
	}
	return &revision, nil
}

// withBoth adds both versions to what the author of a stale edit is told.
func withBoth(err error) error {
	stale, ok := errors.AsType[*transcription.StaleEdit](err)
	if !ok {
		return err
	}
	return fault.Of(err).With("changes", newChangesJSON(transcription.Splices(stale.Current, stale.Yours), "current", "yours"))
}

// newChangesJSON tells the segments of two texts apart, by these names.
func newChangesJSON(splices []transcription.Splice, before, after string) []map[string]any {
	list := make([]map[string]any, len(splices))
	for i, s := range splices {
		list[i] = map[string]any{"index": s.At, before: newSegmentsJSON(s.At, s.Old), after: newSegmentsJSON(s.At, s.New)}
	}
	return list
}

func newSegmentsJSON(from int, segments []transcription.Segment) []segmentJSON {
	list := make([]segmentJSON, len(segments))
	for i, s := range segments {
		list[i] = newSegmentJSON(from+i, s)
	}
	return list
}
