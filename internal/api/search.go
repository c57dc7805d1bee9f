package api

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

type matchJSON struct {
	Segment int             `json:"segment"`
	Start   seconds         `json:"start"`
	End     seconds         `json:"end"`
	Speaker *string         `json:"speaker"`
	Parts   []matchPartJSON `json:"parts"`
}

type matchPartJSON struct {
	Text  string `json:"text"`
	Match bool   `json:"match"`
}

// addMatches tells of each item where in its text something was found.
func addMatches(items []summaryJSON, found map[uuid.UUID][]transcription.Match) {
	for i := range items {
		list := each(found[items[i].ID], newMatchJSON)
		items[i].Matches = &list
	}
}

func newMatchJSON(m *transcription.Match) matchJSON {
	out := matchJSON{Segment: m.Segment, Start: seconds(m.Start), End: seconds(m.End), Speaker: orNull(m.Speaker), Parts: make([]matchPartJSON, len(m.Parts))}
	for i, p := range m.Parts {
		out.Parts[i] = matchPartJSON{Text: p.Text, Match: p.Found}
	}
	return out
}

// filters are the parameters of a list.
var filters = []string{
	"q", "name", "status", "language", "speaker", "folder", "batch", "tag", "archived", "shared", "from", "to", "minDuration", "maxDuration", "limit", "cursor",
}

// known refuses parameters that there are not: a list without its filter would pass for a
// filtered one.
func known(q url.Values, names []string) error {
	for name := range q {
		if !slices.Contains(names, name) {
			return fault.New(fault.Invalid, "There is no parameter %.40q here. There are %s.", name, strings.Join(names, ", ")).
				WithCode("unknown_parameter").With("field", name).With("allowed", names)
		}
	}
	return nil
}

// readFilter returns what the query of an address narrows a list to.
func readFilter(q url.Values) (transcription.Filter, error) {
	if err := known(q, filters); err != nil {
		return transcription.Filter{}, err
	}
	f := transcription.Filter{
		Query: q.Get("q"), Name: q.Get("name"), Language: q.Get("language"), Speaker: q.Get("speaker"), Status: transcription.Status(q.Get("status")),
	}
	if f.Status != "" && !slices.Contains(transcription.Statuses, f.Status) {
		return f, fault.New(fault.Invalid, "There is no status %q.", f.Status).
			WithCode("invalid_status").With("field", "status").With("allowed", transcription.Statuses)
	}
	if err := readPlacing(q, &f); err != nil {
		return f, err
	}
	var err error
	if f.From, err = readTime(q, "from"); err != nil {
		return f, err
	}
	if f.To, err = readTime(q, "to"); err != nil {
		return f, err
	}
	for name, into := range map[string]*time.Duration{"minDuration": &f.MinDuration, "maxDuration": &f.MaxDuration} {
		if err := readSeconds(q, name, into); err != nil {
			return f, err
		}
	}
	if f.Limit, err = readLimit(q); err != nil {
		return f, err
	}
	f.After, err = parseCursor(q.Get("cursor"))
	return f, err
}

// readPlacing reads where in their order transcriptions shall be.
func readPlacing(q url.Values, f *transcription.Filter) error {
	f.Tag = q.Get("tag")
	switch q.Get("shared") {
	case "":
	case "with-me":
		f.Shared = true
	default:
		return fault.New(fault.Invalid, "shared must be with-me, or be left out.").WithCode("invalid_shared").With("field", "shared")
	}
	switch text := q.Get("folder"); text {
	case "":
	case "none":
		f.Folder = new(uuid.UUID)
	default:
		id, err := uuid.Parse(text)
		if err != nil {
			return fault.New(fault.Invalid, "The folder must be the id of one, or none.").WithCode("invalid_folder").With("field", "folder")
		}
		f.Folder = &id
	}
	if text := q.Get("batch"); text != "" {
		var err error
		if f.Batch, err = uuid.Parse(text); err != nil {
			return fault.New(fault.Invalid, "The batch must be the id of one.").WithCode("invalid_batch").With("field", "batch")
		}
	}
	if text := q.Get("archived"); text != "" {
		yes, err := strconv.ParseBool(text)
		if err != nil {
			return fault.New(fault.Invalid, "archived must be true or false.").WithCode("invalid_archived").With("field", "archived")
		}
		f.Archived = &yes
	}
	return nil
}

// readTime reads a moment (RFC 3339) or the beginning of a day in UTC, the zero time where
// there is none. The database knows no year 0.
func readTime(q url.Values, name string) (time.Time, error) {
	text := q.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil && at.UTC().Year() > 0 {
			return at, nil
		}
	}
	return time.Time{}, fault.New(fault.Invalid, "The time %s must look like 2026-01-31 or 2026-01-31T09:30:00Z.", name).WithCode("invalid_time").With("field", name)
}

// readSeconds reads a length.
func readSeconds(q url.Values, name string, into *time.Duration) error {
	text := q.Get(name)
	if text == "" {
		return nil
	}
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(s) || s < 0 || s > transcription.LatestTime {
		return fault.New(fault.Invalid, "The length %s must be a number of seconds.", name).WithCode("invalid_duration").With("field", name)
	}
	*into = instant(s).duration()
	return nil
}
