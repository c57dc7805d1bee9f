package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Transcription is one transcription as the server tells it. Raw is all of it.
type Transcription struct {
	ID               string
	FileName         string
	Status           string
	Stage            string
	Progress         float64 // 0–1
	QueuePosition    int
	EstimatedSeconds float64 // 0: unknown
	Language         string
	Model            string
	Duration         float64 // seconds; 0: unknown
	Text             string
	Warnings         []Problem
	Error            *Problem
	Earlier          *struct{ Run int } // whose text is still there
	CreatedAt        time.Time
	Matches          []Match // of what was looked for, the first

	Raw json.RawMessage `json:"-"`
}

// Match is a segment in which something was found.
type Match struct {
	Start   float64 // seconds
	Speaker string
	Parts   []struct {
		Text  string
		Match bool // it was looked for
	}
}

// Problem is a warning or a failure.
type Problem struct{ Code, Message string }

// Final reports whether nothing more will happen.
func (t *Transcription) Final() bool {
	return t.Status == "completed" || t.Status == "failed" || t.Status == "canceled"
}

// Page is a part of a list. Next is empty at the end.
type Page struct {
	Items []Transcription
	Next  string `json:"nextCursor"`
}

// Filter narrows a list. Limit is the size of the page, what is empty narrows nothing.
type Filter struct {
	Query                                          string // words of the text
	Status, Name, Language, Speaker, Tag, From, To string
	Limit                                          int
	Cursor                                         string
}

func (f Filter) values() url.Values {
	q := url.Values{"limit": {strconv.Itoa(f.Limit)}}
	for name, value := range map[string]string{
		"q": f.Query, "status": f.Status, "name": f.Name, "language": f.Language, "speaker": f.Speaker, "tag": f.Tag, "from": f.From, "to": f.To, "cursor": f.Cursor,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// Limits bound an upload.
type Limits struct {
	MaxBytes    int64
	MaxDuration float64 // seconds
}

// Models lists the models of a server.
type Models struct {
	Default string
	Items   []Model
}

// Model is one of them.
type Model struct {
	Name         string
	Installed    bool
	Multilingual bool
	Translates   bool
	Demo         bool
}

// Transcription returns one transcription.
func (c *Client) Transcription(ctx context.Context, id string) (*Transcription, error) {
	var raw json.RawMessage
	if err := c.call(ctx, http.MethodGet, transcriptionPath(id), &raw); err != nil {
		return nil, err
	}
	return parseTranscription(raw)
}

func parseTranscription(raw json.RawMessage) (*Transcription, error) {
	t := &Transcription{Raw: raw}
	if err := json.Unmarshal(raw, t); err != nil {
		return nil, err
	}
	return t, nil
}

// Transcriptions returns a page, newest first.
func (c *Client) Transcriptions(ctx context.Context, f Filter) (Page, error) {
	var raw struct {
		Items      []json.RawMessage
		NextCursor string
	}
	if err := c.call(ctx, http.MethodGet, apiRoot+"/transcriptions?"+f.values().Encode(), &raw); err != nil {
		return Page{}, err
	}
	p := Page{Next: raw.NextCursor}
	for _, item := range raw.Items {
		t, err := parseTranscription(item)
		if err != nil {
			return Page{}, err
		}
		p.Items = append(p.Items, *t)
	}
	return p, nil
}

// Event is one thing that has happened to a transcription. Raw is all of it.
type Event struct {
	Type  string
	Run   int
	At    time.Time
	Actor struct{ Kind, Name string }

	Details map[string]any
	Raw     json.RawMessage `json:"-"`
}

// History returns what has happened to a transcription, oldest first: the page behind
// the cursor, and the next cursor, empty at the end.
func (c *Client) History(ctx context.Context, id, cursor string) (events []Event, next string, err error) {
	q := url.Values{"limit": {"100"}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	var raw struct {
		Items      []json.RawMessage
		NextCursor string
	}
	if err := c.call(ctx, http.MethodGet, transcriptionPath(id)+"/history?"+q.Encode(), &raw); err != nil {
		return nil, "", err
	}
	events = make([]Event, len(raw.Items))
	for i, item := range raw.Items {
		events[i].Raw = item
		if err := json.Unmarshal(item, &events[i]); err != nil {
			return nil, "", err
		}
	}
	return events, raw.NextCursor, nil
}

// Cancel ends the work on a transcription. One that is canceled already is no error.
func (c *Client) Cancel(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPost, transcriptionPath(id)+"/cancel", nil)
}

// Retry is what another run shall do otherwise; nil is as before.
type Retry struct {
	Model     *string `json:"model,omitempty"`
	Language  *string `json:"language,omitempty"`
	Prompt    *string `json:"prompt,omitempty"`
	Translate *bool   `json:"translate,omitempty"`
	Channels  *string `json:"channels,omitempty"`
	Priority  *string `json:"priority,omitempty"`
}

// Retry runs a transcription again that has ended.
func (c *Client) Retry(ctx context.Context, id string, r Retry) error {
	ctx, cancel := within(ctx, c.timeout)
	defer cancel()
	_, err := c.signed(ctx, c.request(http.MethodPost, transcriptionPath(id)+"/retry", r))
	return err
}

// Delete removes a transcription with its recording.
func (c *Client) Delete(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, transcriptionPath(id), nil)
}

// Export returns the text as a file, of the format and with the options of a query.
func (c *Client) Export(ctx context.Context, id string, query url.Values) ([]byte, error) {
	ctx, cancel := within(ctx, c.stall)
	defer cancel()
	got, err := c.signed(ctx, c.request(http.MethodGet, apiRoot+"/export/"+url.PathEscape(id)+"?"+query.Encode(), nil))
	if err != nil {
		return nil, err
	}
	return got.body, nil
}

// Models returns the models the server knows, and which of them are installed.
func (c *Client) Models(ctx context.Context) (Models, error) {
	var m Models
	err := c.call(ctx, http.MethodGet, apiRoot+"/models", &m)
	return m, err
}

// Presence says whether anybody does the work that waits.
type Presence struct {
	Worker    Sign
	Scheduler Sign
}

// Sign is what was last heard of a kind of program.
type Sign struct {
	Alive   bool
	Silence *float64 // seconds; nil: nothing was heard for a day
}

// Presence returns who is there of those that do the work.
func (c *Client) Presence(ctx context.Context) (Presence, error) {
	var p Presence
	err := c.call(ctx, http.MethodGet, apiRoot+"/presence", &p)
	return p, err
}

// Limits returns the bounds of an upload. Nobody has to be signed in.
func (c *Client) Limits(ctx context.Context) (Limits, error) {
	ctx, cancel := within(ctx, c.timeout)
	defer cancel()
	var l Limits
	got, err := c.send(ctx, c.request(http.MethodGet, apiRoot+"/limits", nil))
	if err != nil {
		return l, err
	}
	return l, got.decode(&l)
}

func transcriptionPath(id string) string { return apiRoot + "/transcriptions/" + url.PathEscape(id) }
