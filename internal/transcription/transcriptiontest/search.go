package transcriptiontest

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// passes reports whether a filter lets a transcription through. A query is of words that
// must all be there as they are.
func passes(t *transcription.Transcription, f transcription.Filter) bool {
	for _, w := range strings.Fields(strings.ToLower(f.Query)) {
		if !strings.Contains(strings.ToLower(t.Text), w) {
			return false
		}
	}
	return (f.Batch == uuid.Nil || t.BatchID == f.Batch) && (f.Folder == nil || t.FolderID == *f.Folder) && (f.Tag == "" || slices.ContainsFunc(t.Tags, func(tag string) bool { return strings.EqualFold(tag, f.Tag) })) &&
		(f.Archived == nil || t.ArchivedAt.IsZero() != *f.Archived) && (f.Status == "" || t.Status == f.Status) && (f.Language == "" || t.Language == f.Language) &&
		(f.Speaker == "" || slices.Contains(transcription.Speakers(t.Segments), f.Speaker)) &&
		strings.Contains(strings.ToLower(t.File.Name), strings.ToLower(f.Name)) &&
		!t.CreatedAt.Before(f.From) && (f.To.IsZero() || t.CreatedAt.Before(f.To)) &&
		t.Duration >= f.MinDuration && (f.MaxDuration == 0 || t.Duration > 0 && t.Duration <= f.MaxDuration)
}

// Matches implements transcription.Store.
func (s *Store) Matches(ctx context.Context, who uuid.UUID, ids []uuid.UUID, query string) (map[uuid.UUID][]transcription.Match, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	found := map[uuid.UUID][]transcription.Match{}
	for _, id := range ids {
		t, err := s.seen(who, id)
		if err != nil {
			continue
		}
		for i, segment := range t.Segments {
			parts := marked(segment.Text, strings.Fields(strings.ToLower(query)))
			if len(parts) > 0 && len(found[id]) < transcription.MaxMatches {
				found[id] = append(found[id], transcription.Match{Segment: i, Start: segment.Start, End: segment.End, Speaker: segment.Speaker, Parts: parts})
			}
		}
	}
	return found, nil
}

// marked cuts a text at the first of the words that is in it; nil: none is.
func marked(text string, words []string) (parts []transcription.MatchPart) {
	for _, w := range words {
		at := strings.Index(strings.ToLower(text), w)
		if at < 0 {
			continue
		}
		for _, p := range []transcription.MatchPart{{Text: text[:at]}, {Text: text[at : at+len(w)], Found: true}, {Text: text[at+len(w):]}} {
			if p.Text != "" {
				parts = append(parts, p)
			}
		}
		return parts
	}
	return nil
}
