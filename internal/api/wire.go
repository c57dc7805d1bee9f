package api

import (
	"math"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

type uploadJSON struct {
	FileID          uuid.UUID            `json:"fileId"`
	TranscriptionID uuid.UUID            `json:"transcriptionId"`
	Status          transcription.Status `json:"status"`
}

// summaryJSON is a transcription as lists have it: without its text, and without
// what is foreseen for it, which is worked out for one at a time.
type summaryJSON struct {
	ID                 uuid.UUID            `json:"id"`
	FileID             uuid.UUID            `json:"fileId"`
	FileName           string               `json:"fileName"`
	Run                int                  `json:"run"`
	Status             transcription.Status `json:"status"`
	Stage              *string              `json:"stage"`
	Priority           string               `json:"priority"`
	Progress           fraction             `json:"progress"`
	Language           *string              `json:"language"`
	LanguageConfidence *fraction            `json:"languageConfidence"`
	Model              *string              `json:"model"`
	Duration           *seconds             `json:"duration"`
	Error              *problemJSON         `json:"error"`
	Revision           int                  `json:"revision"`
	CreatedAt          timestamp            `json:"createdAt"`
	CompletedAt        timestamp            `json:"completedAt"`
	FolderID           *uuid.UUID           `json:"folderId"`
	BatchID            *uuid.UUID           `json:"batchId"`
	Tags               []string             `json:"tags"`
	ArchivedAt         timestamp            `json:"archivedAt"`
	LegalHold          bool                 `json:"legalHold"`
	MediaKept          bool                 `json:"mediaKept"`
	MediaExpiresAt     timestamp            `json:"mediaExpiresAt"`
	ExpiresAt          timestamp            `json:"expiresAt"`
	Access             string               `json:"access"`            // what the reader may do
	SharedBy           *string              `json:"sharedBy"`          // whose it is, if it is not the reader's
	Matches            *[]matchJSON         `json:"matches,omitempty"` // of what was looked for, in lists
}

// headJSON is all of it but the text: what changes while somebody polls, and is small.
type headJSON struct {
	summaryJSON
	QueuePosition    int           `json:"queuePosition"`
	EstimatedSeconds *seconds      `json:"estimatedSeconds"`
	EstimatedRange   *rangeJSON    `json:"estimatedRange"`
	Partial          bool          `json:"partial"`
	Earlier          *earlierJSON  `json:"earlier"`
	Warnings         []problemJSON `json:"warnings"`
	Coverage         *coverageJSON `json:"coverage"`
}

// textJSON is the rest.
type textJSON struct {
	Text     *string       `json:"text"`
	Segments []segmentJSON `json:"segments"`
}

type transcriptionJSON struct {
	headJSON
	textJSON
}

type segmentJSON struct {
	Index      int        `json:"index"`
	Start      seconds    `json:"start"`
	End        seconds    `json:"end"`
	Text       string     `json:"text"`
	Speaker    *string    `json:"speaker"`
	Confidence fraction   `json:"confidence"`
	Suspect    bool       `json:"suspect"`
	Words      []wordJSON `json:"words"`
}

type wordJSON struct {
	Start      seconds  `json:"start"`
	End        seconds  `json:"end"`
	Text       string   `json:"text"`
	Confidence fraction `json:"confidence"`
	Glued      bool     `json:"glued,omitempty"`
}

type rangeJSON struct {
	Lowest  seconds `json:"lowest"`
	Highest seconds `json:"highest"`
}

type earlierJSON struct {
	Run                int       `json:"run"`
	Model              *string   `json:"model"`
	Language           *string   `json:"language"`
	LanguageConfidence *fraction `json:"languageConfidence"`
	Translate          bool      `json:"translate"`
	CompletedAt        timestamp `json:"completedAt"`
}

type problemJSON struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type coverageJSON struct {
	Speech  seconds   `json:"speech"`
	Covered seconds   `json:"covered"`
	Gaps    []gapJSON `json:"gaps"`
	Suspect int       `json:"suspect"`
	Seams   []seconds `json:"seams"`
}

type gapJSON struct {
	Start seconds `json:"start"`
	End   seconds `json:"end"`
}

func newSummaryJSON(t *transcription.Transcription) summaryJSON {
	out := summaryJSON{
		ID: t.ID, FileID: t.File.ID, FileName: t.File.Name, Run: t.Run, Status: t.Status, Stage: orNull(stages[t.Status]), Priority: t.Options.Priority.String(),
		Progress: done(t.Progress), Language: orNull(t.Language), Model: orNull(t.Model), Duration: orNull(seconds(t.Duration)),
		Error: (*problemJSON)(t.Failure), Revision: t.Revision, CreatedAt: timestamp(t.CreatedAt), CompletedAt: timestamp(t.CompletedAt),
		FolderID: orNull(t.FolderID), BatchID: orNull(t.BatchID), Tags: append([]string{}, t.Tags...), ArchivedAt: timestamp(t.ArchivedAt),
		LegalHold: t.LegalHold, MediaKept: t.MediaKept(), MediaExpiresAt: timestamp(t.MediaExpiresAt), ExpiresAt: timestamp(t.ExpiresAt),
		Access: first(string(t.Shared), "owner"), SharedBy: orNull(t.SharedBy),
	}
	if t.Language != "" {
		out.LanguageConfidence = (*fraction)(&t.LanguageConfidence)
	}
	return out
}

// done rounds a progress down: nothing is done before it is done. What is a whole
// number of thousandths but for the last bits stays one.
func done(progress float64) fraction { return fraction(math.Floor(progress*1e3+1e-6) / 1e3) }

// stages names the step that a transcription is in or waits for.
var stages = map[transcription.Status]string{
	transcription.Uploading:    "upload",
	transcription.Queued:       "prepare",
	transcription.Preparing:    "prepare",
	transcription.Transcribing: "transcribe",
	transcription.Merging:      "merge",
}

func newTranscriptionJSON(t *transcription.Transcription) transcriptionJSON {
	return transcriptionJSON{newHeadJSON(t), newTextJSON(t)}
}

func newHeadJSON(t *transcription.Transcription) headJSON {
	out := headJSON{
		summaryJSON:      newSummaryJSON(t),
		QueuePosition:    t.QueuePosition,
		EstimatedSeconds: orNull(seconds(t.Estimate)),
		Partial:          t.Partial,
		Earlier:          newEarlierJSON(t.Earlier),
		Warnings:         make([]problemJSON, len(t.Warnings)),
		Coverage:         newCoverageJSON(t.Coverage),
	}
	if t.Latest > 0 {
		out.EstimatedRange = &rangeJSON{Lowest: seconds(t.Soonest), Highest: seconds(t.Latest)}
	}
	for i, w := range t.Warnings {
		out.Warnings[i] = problemJSON(w)
	}
	return out
}

func newEarlierJSON(e *transcription.Earlier) *earlierJSON {
	if e == nil {
		return nil
	}
	out := &earlierJSON{Run: e.Run, Model: orNull(e.Model), Language: orNull(e.Language), Translate: e.Translate, CompletedAt: timestamp(e.CompletedAt)}
	if e.Language != "" {
		out.LanguageConfidence = (*fraction)(&e.LanguageConfidence)
	}
	return out
}

func newTextJSON(t *transcription.Transcription) textJSON {
	out := textJSON{Segments: make([]segmentJSON, len(t.Segments))}
	if _, readable := t.Readable(); readable || t.Partial && len(t.Segments) > 0 {
		out.Text = &t.Text
	}
	for i, segment := range t.Segments {
		out.Segments[i] = newSegmentJSON(i, segment)
	}
	return out
}

func newSegmentJSON(index int, s transcription.Segment) segmentJSON {
	out := segmentJSON{
		Index: index, Start: seconds(s.Start), End: seconds(s.End), Text: s.Text, Speaker: orNull(s.Speaker),
		Confidence: fraction(s.Confidence), Suspect: s.Suspect, Words: make([]wordJSON, len(s.Words)),
	}
	for i, w := range s.Words {
		out.Words[i] = wordJSON{Start: seconds(w.Start), End: seconds(w.End), Text: w.Text, Confidence: fraction(w.Confidence), Glued: w.Glued}
	}
	return out
}

func newCoverageJSON(c *transcription.Coverage) *coverageJSON {
	if c == nil {
		return nil
	}
	out := &coverageJSON{
		Speech: seconds(c.Speech), Covered: seconds(c.Covered), Suspect: c.Suspect,
		Gaps: make([]gapJSON, len(c.Gaps)), Seams: make([]seconds, len(c.Seams)),
	}
	for i, g := range c.Gaps {
		out.Gaps[i] = gapJSON{Start: seconds(g.Start), End: seconds(g.End)}
	}
	for i, at := range c.Seams {
		out.Seams[i] = seconds(at)
	}
	return out
}
