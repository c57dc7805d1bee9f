package transcription

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// Written is a text that a person has, with its format, see Import. The zero value is none.
type Written struct {
	Format string
	File   []byte
}

// FirstText is the text of a transcription that had none, which a person has given it.
type FirstText struct {
	Ref      Ref
	By       Actor
	Segments []Segment
	Warnings []Warning
}

// CheckWritten returns what is wrong with a text that is to come with a recording, so that a
// client hears of it before it has sent gigabytes.
func (s *Service) CheckWritten(w Written) error {
	_, _, err := w.read(0)
	return err
}

// read returns what becomes of a text where there was none, of a recording of that length; 0:
// it is not known. Faults are those of Import; Invalid transcript_missing: there is a format
// only.
func (w Written) read(duration time.Duration) ([]Segment, []Warning, error) {
	if w.File == nil && w.Format == "" {
		return nil, nil, nil
	}
	if w.File == nil {
		return nil, nil, fault.New(fault.Invalid, "There is a transcriptFormat, but no transcript. Send both, or neither.").
			WithCode("transcript_missing").With("field", "transcript")
	}
	read, err := importer(w.Format)
	if err != nil {
		return nil, nil, err
	}
	in, err := read(w.File, nil)
	if err != nil {
		return nil, nil, err
	}
	var warnings []Warning
	if in.cues == nil && len(in.lines) > 0 {
		if err := checkRoom(len(in.lines), duration); err != nil {
			return nil, nil, err
		}
		in.cues, warnings = timed(in.lines, duration), []Warning{timesEstimated}
	}
	if len(in.cues) == 0 {
		return nil, nil, emptyImport()
	}
	d := &draft{duration: duration}
	err = d.rewrite(in.cues)
	return d.segments, warnings, err
}

// timesEstimated is the warning of a text that came without times.
var timesEstimated = Warning{"times_estimated", "This text was imported from a format without times, so those of its paragraphs are estimated by their lengths."}

// checkRoom refuses more lines than there can be segments in a recording of that length; 0: it
// is not known.
func checkRoom(lines int, duration time.Duration) error {
	most := int(duration / shortestSegment)
	if duration == 0 || lines <= most {
		return nil
	}
	return fault.New(fault.Invalid, "There are %d lines in this text, which are too many for a recording of %s s: it has room for %d. Is it the text of another one?",
		lines, Seconds(duration), most).WithCode("too_many_lines").With("limit", most)
}

// timed gives lines times one behind the other, by their lengths; those of a recording whose
// length is known fill it, and there must be room for them.
func timed(lines []voiced, duration time.Duration) []NewSegment {
	all := 0
	for _, l := range lines {
		all += utf8.RuneCountInString(l.text)
	}
	if duration == 0 {
		duration = time.Duration(all) * letterTime
	}
	segments := make([]NewSegment, len(lines))
	var at time.Duration
	letters := 0
	for i, l := range lines {
		letters += utf8.RuneCountInString(l.text)
		end := max(share(duration, letters, all), at+shortestSegment)
		end = min(end, duration-time.Duration(len(lines)-1-i)*shortestSegment).Truncate(time.Millisecond) // leaves room for those behind
		segments[i] = NewSegment{Start: at, End: end, Text: l.text, Speaker: l.speaker}
		at = end
	}
	return segments
}

// complete makes a text that came with its recording that of a transcription which is new.
func (t *Transcription) complete(w Written) (err error) {
	if t.Segments, t.Warnings, err = w.read(0); err != nil || t.Segments == nil {
		return err
	}
	t.Status, t.Progress, t.Text = Completed, 1, Text(t.Segments)
	if t.Options.Language != "" {
		t.Language, t.LanguageConfidence = t.Options.Language, 1
	}
	return nil
}

// empty reports whether a transcription has ended without a text.
func (t *Transcription) empty() bool {
	return (t.Status == Failed || t.Status == Canceled) && t.Earlier == nil
}

// write gives a transcription that has ended without a text its first one.
func (s *Service) write(ctx context.Context, who auth.Actor, t *Transcription, base *int, w Written) (*Transcription, error) {
	if err := t.mayEdit(); err != nil {
		return nil, err
	}
	if base != nil && *base != NoText {
		return nil, unknownText()
	}
	segments, warnings, err := w.read(t.Duration)
	if err != nil {
		return nil, err
	}
	if err := s.store.Write(ctx, who.ID(), FirstText{Ref: t.Ref(), By: author(who), Segments: segments, Warnings: warnings}); err != nil {
		return nil, err
	}
	return s.store.Transcription(ctx, who.ID(), t.ID)
}

// importer returns what reads a format. Invalid unknown_format.
func importer(format string) (reader, error) {
	read, ok := importers[format]
	if !ok {
		return nil, fault.New(fault.Invalid, "There is no import format %q. Choose one of %s.", format, strings.Join(Importable(), ", ")).
			WithCode("unknown_format").With("field", "format").With("allowed", Importable())
	}
	return read, nil
}

func emptyImport() error {
	return fault.New(fault.Invalid, "There is no text in this file. To take a text away, remove its segments.").WithCode("empty_import")
}
