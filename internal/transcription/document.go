package transcription

import (
	"cmp"
	"iter"
	"strings"
)

// Document is a transcription as it is read on pages.
type Document struct {
	Title      string // the name of the recording
	Facts      string // about it, on one line; empty: none are known
	Notes      []string
	Language   string // its code; empty: not known
	Paragraphs iter.Seq[Paragraph]
}

// NewDocument lays a transcription out. Every text of it is on one line.
func NewDocument(t *Transcription, l Layout) Document {
	stem, _ := splitName(t.File.Name)
	d := Document{Title: cmp.Or(clean(stem), "Transcript"), Language: t.Language, Paragraphs: Paragraphs(t, l)}
	var facts []string
	if t.Duration > 0 {
		facts = append(facts, "Duration "+clock(t.Duration))
	}
	if t.Language != "" {
		facts = append(facts, "Language "+clean(t.Language))
	}
	if t.Model != "" {
		facts = append(facts, "Model "+clean(t.Model))
	}
	d.Facts = strings.Join(facts, " · ")
	for _, w := range t.Warnings {
		d.Notes = append(d.Notes, clean(w.Message))
	}
	return d
}
