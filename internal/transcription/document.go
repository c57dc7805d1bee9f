package transcription

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"unicode"
)

// Document is a transcription as it is read on pages.
type Document struct {
	Title      string // the name of the recording
	Facts      string // about it, on one line; empty: none are known
	Notes      []string
	Language   string // as BCP 47 has it; empty: not known
	Paragraphs iter.Seq[Paragraph]
}

// NewDocument lays a transcription out. Every text of it is on one line.
func NewDocument(t *Transcription, l Layout) Document {
	d := Document{Title: t.Title(), Language: LanguageTag(t.Language), Paragraphs: Paragraphs(t, l)}
	var facts []string
	if t.Duration > 0 {
		facts = append(facts, "Duration "+Clock(t.Duration))
	}
	if t.Language != "" {
		facts = append(facts, "Language "+LanguageName(clean(t.Language)))
	}
	if t.Model != "" {
		facts = append(facts, "Model "+clean(t.Model))
	}
	d.Facts = strings.Join(facts, " · ")
	if !slices.ContainsFunc(t.Segments, func(s Segment) bool { return segmentText(s) != "" }) {
		d.Notes = append(d.Notes, "This transcript is empty.")
	}
	for _, w := range t.Warnings {
		d.Notes = append(d.Notes, clean(w.Message))
	}
	return d
}

// Title returns what people know a transcription by: the name of its recording, without what
// says which kind of file that is.
func (t *Transcription) Title() string {
	stem, _ := splitName(t.File.Name)
	return cmp.Or(clean(stem), "Transcript")
}

// LanguageTag returns a language as BCP 47 has it. Whisper has another code for Javanese.
func LanguageTag(code string) string {
	switch {
	case code == "jw":
		return "jv"
	case KnownLanguage(code):
		return code
	default:
		return ""
	}
}

// RightToLeft reports whether a text is written so: its first letter decides.
func RightToLeft(text string) bool {
	for _, r := range text {
		if unicode.IsLetter(r) {
			return unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Adlam)
		}
	}
	return false
}
