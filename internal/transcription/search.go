package transcription

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// MaxQuery is how many letters one may look for.
const MaxQuery = 500

// Filter narrows a list. What is zero narrows nothing.
type Filter struct {
	Query                    string // words of the text, as people write them for search engines: "a phrase", or, -not
	Name                     string // a part of the file's name, or something like it
	Status                   Status
	Language                 string
	Speaker                  string
	Folder                   *uuid.UUID // zero: those in none
	Batch                    uuid.UUID
	Tag                      string    // capitals do not count
	Archived                 *bool     // nil: all
	Shared                   bool      // those that others share with who asks, instead of their own
	From, To                 time.Time // of the upload: from, and before
	MinDuration, MaxDuration time.Duration

	After Cursor // from the newest, if it is zero
	Limit int    // 1–MaxPage
}

// check returns the fault of a filter that nothing could pass or that is no filter.
func (f *Filter) check() error {
	if err := checkLimit(f.Limit); err != nil {
		return err
	}
	for field, text := range map[string]*string{"q": &f.Query, "name": &f.Name, "speaker": &f.Speaker} {
		if *text = strings.TrimSpace(*text); utf8.RuneCountInString(*text) > MaxQuery {
			return fault.New(fault.Invalid, "One can look for %d letters at most.", MaxQuery).WithCode("query_too_long").With("field", field).With("limit", MaxQuery)
		}
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		return fault.New(fault.Invalid, "The time from must lie before the time to.").WithCode("empty_range").With("field", "to")
	}
	if f.Shared && (f.Folder != nil || f.Batch != uuid.Nil || f.Tag != "" || f.Archived != nil) {
		return fault.New(fault.Invalid, "Folders, batches, tags and the archive of others are theirs. Leave folder, batch, tag and archived out.").WithCode("not_your_order").With("field", "shared")
	}
	if f.MaxDuration > 0 && f.MinDuration > f.MaxDuration {
		return fault.New(fault.Invalid, "minDuration must not be more than maxDuration.").WithCode("empty_range").With("field", "maxDuration")
	}
	return nil
}

// Match is a segment in which something was found.
type Match struct {
	Segment    int
	Start, End time.Duration
	Speaker    string
	Parts      []MatchPart // of its text, one after the other
}

// MatchPart is a part of a text, which was looked for or not.
type MatchPart struct {
	Text  string
	Found bool
}

// MaxMatches is how many segments of a transcription are shown in a list of what was
// found.
const MaxMatches = 3

// Transcriptions returns a page of the caller's transcriptions, or of those that others share
// with them, newest first, and of what
// was looked for the first places in each. Invalid nothing_to_find: the query has no word
// that could be looked for; search_too_slow; search_off: nothing can be looked for in texts here.
func (s *Service) Transcriptions(ctx context.Context, who auth.Actor, f Filter) ([]Transcription, map[uuid.UUID][]Match, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, nil, err
	}
	if err := f.check(); err != nil {
		return nil, nil, err
	}
	if s.limits.NoSearch && (f.Query != "" || f.Speaker != "") {
		return nil, nil, searchOff(f)
	}
	found, err := s.store.Transcriptions(ctx, who.ID(), f)
	if err != nil || f.Query == "" || len(found) == 0 {
		return found, nil, err
	}
	ids := make([]uuid.UUID, len(found))
	for i, t := range found {
		ids[i] = t.ID
	}
	matches, err := s.store.Matches(ctx, who.ID(), ids, f.Query)
	return found, matches, err
}

// NothingToFind is the fault of a query without a word that could be looked for.
func NothingToFind() error {
	return fault.New(fault.Invalid, "There is no word in this query that could be looked for. Very common words are in every text.").
		WithCode("nothing_to_find").With("field", "q")
}

// SearchTooSlow is the fault of a query that was given up, since it would have had to look
// into too many texts.
func SearchTooSlow(err error) error {
	return fault.Wrap(err, fault.Invalid, "This search takes too long: its words are in very many texts. Add a word that is in fewer, or narrow it by time, folder or tag.").
		WithCode("search_too_slow").With("field", "q")
}

// searchOff is the fault of whoever looks for something that only the server's own search
// could find in a text.
func searchOff(f Filter) error {
	field := "q"
	if f.Query == "" {
		field = "speaker"
	}
	return fault.New(fault.Invalid, "Texts are encrypted here, so words and speakers cannot be looked for. You can look for the names of files, and narrow the list by folder, tag, status, language and time.").
		WithCode("search_off").With("field", field)
}

// Speakers returns the names in a text, each once, in the order in which they begin to
// speak.
func Speakers(segments []Segment) []string {
	names := []string{}
	seen := map[string]bool{"": true}
	for _, s := range segments {
		if !seen[s.Speaker] {
			seen[s.Speaker] = true
			names = append(names, s.Speaker)
		}
	}
	return names
}
