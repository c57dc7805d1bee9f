package api

import (
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// batchIn is what a batch shall be. The options are those of uploads that say nothing else.
type batchIn struct {
	Name       string     `json:"name"`
	Expected   int        `json:"expected"`
	Model      string     `json:"model"`
	Language   string     `json:"language"`
	Prompt     string     `json:"prompt"`
	Translate  bool       `json:"translate"`
	Channels   string     `json:"channels"`
	Priority   string     `json:"priority"`
	WebhookURL string     `json:"webhookUrl"`
	FolderID   *uuid.UUID `json:"folderId"`
	Tags       []string   `json:"tags"`
}

type batchJSON struct {
	ID          uuid.UUID                    `json:"id"`
	Name        string                       `json:"name"`
	Status      string                       `json:"status"`
	Expected    *int                         `json:"expected"`
	Total       int                          `json:"total"`
	Counts      map[transcription.Status]int `json:"counts"`
	Progress    fraction                     `json:"progress"`
	Failures    *[]batchFailureJSON          `json:"failures,omitempty"` // not in lists
	Model       *string                      `json:"model"`
	Language    *string                      `json:"language"`
	Prompt      *string                      `json:"prompt"`
	Translate   bool                         `json:"translate"`
	Channels    string                       `json:"channels"`
	Priority    string                       `json:"priority"`
	WebhookURL  *string                      `json:"webhookUrl"`
	FolderID    *uuid.UUID                   `json:"folderId"`
	Tags        []string                     `json:"tags"`
	CreatedAt   timestamp                    `json:"createdAt"`
	ClosedAt    timestamp                    `json:"closedAt"`
	CompletedAt timestamp                    `json:"completedAt"`
}

type batchFailureJSON struct {
	ID       uuid.UUID   `json:"id"`
	FileName string      `json:"fileName"`
	Error    problemJSON `json:"error"`
}

func (in batchIn) domain() (*transcription.Batch, error) {
	b := &transcription.Batch{Name: in.Name, Expected: in.Expected, Tags: in.Tags}
	b.Options = transcription.Options{Model: in.Model, Language: in.Language, Prompt: in.Prompt, Translate: in.Translate}
	if in.FolderID != nil {
		b.FolderID = *in.FolderID
	}
	var err error
	if b.Options.Split, err = readChannels("channels", in.Channels); err != nil {
		return nil, err
	}
	b.Options.Priority, err = transcription.ParsePriority(in.Priority)
	return b, err
}

func newBatchJSON(b *transcription.Batch) batchJSON {
	o := b.Options
	out := batchJSON{
		ID: b.ID, Name: b.Name, Status: batchStatus(b), Expected: orNull(b.Expected), Total: b.Total(), Counts: map[transcription.Status]int{}, Progress: done(b.Progress),
		Model: orNull(o.Model), Language: orNull(o.Language), Prompt: orNull(o.Prompt), Translate: o.Translate, Channels: mixChannels, Priority: o.Priority.String(),
		WebhookURL: orNull(o.WebhookURL), FolderID: orNull(b.FolderID), Tags: append([]string{}, b.Tags...),
		CreatedAt: timestamp(b.CreatedAt), ClosedAt: timestamp(b.ClosedAt), CompletedAt: timestamp(b.CompletedAt),
	}
	if o.Split {
		out.Channels = splitChannels
	}
	for _, s := range transcription.Statuses {
		if s != transcription.Uploading {
			out.Counts[s] = b.Counts[s]
		}
	}
	return out
}

// batchStatus returns where a batch is in its life.
func batchStatus(b *transcription.Batch) string {
	switch {
	case !b.CompletedAt.IsZero():
		return "completed"
	case !b.ClosedAt.IsZero():
		return "closed"
	default:
		return "open"
	}
}

// newBatchDetailJSON is a batch with its failures.
func newBatchDetailJSON(b *transcription.Batch) batchJSON {
	out := newBatchJSON(b)
	list := make([]batchFailureJSON, len(b.Failures))
	for i, f := range b.Failures {
		list[i] = batchFailureJSON{ID: f.ID, FileName: f.FileName, Error: problemJSON(f.Failure)}
	}
	out.Failures = &list
	return out
}

func (s *Server) createBatch(c echo.Context) error {
	var in batchIn
	if err := readJSON(c, &in); err != nil {
		return err
	}
	b, err := in.domain()
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if b.Options.WebhookURL, err = s.webhooks.AcceptURL(ctx, actor(c), in.WebhookURL); err != nil {
		return err
	}
	if err := s.transcriptions.CreateBatch(ctx, actor(c), b); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, root+"/batches/"+b.ID.String())
	return answer(c, http.StatusCreated, newBatchDetailJSON(b))
}

var batchByID = byID[transcription.Batch]{"batch", func(b *transcription.Batch) uuid.UUID { return b.ID }}

func (s *Server) listBatches(c echo.Context) error {
	return listByID(c, batchByID, s.transcriptions.Batches, newBatchJSON)
}

func (s *Server) showBatch(c echo.Context) error {
	return showByID(c, batchByID, s.transcriptions.Batch, newBatchDetailJSON)
}

func (s *Server) closeBatch(c echo.Context) error {
	return showByID(c, batchByID, s.transcriptions.CloseBatch, newBatchDetailJSON)
}

func (s *Server) cancelBatch(c echo.Context) error {
	return showByID(c, batchByID, s.transcriptions.CancelBatch, newBatchDetailJSON)
}

func (s *Server) deleteBatch(c echo.Context) error {
	id, err := readIDOf(c, "batch")
	if err != nil {
		return err
	}
	if err := s.transcriptions.DeleteBatch(c.Request().Context(), actor(c), id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// batched returns what an upload asks for: where it names a batch, that has the rest.
func (s *Server) batched(c echo.Context, f *form) (transcription.Options, error) {
	o := f.options
	if o.Batch == uuid.Nil {
		return o, nil
	}
	b, err := s.transcriptions.BatchHead(c.Request().Context(), actor(c), o.Batch)
	if err != nil {
		return o, err
	}
	for name, take := range map[string]func(){
		"model":     func() { o.Model = b.Options.Model },
		"language":  func() { o.Language = b.Options.Language },
		"prompt":    func() { o.Prompt = b.Options.Prompt },
		"translate": func() { o.Translate = b.Options.Translate },
		"channels":  func() { o.Split = b.Options.Split },
		"priority":  func() { o.Priority = b.Options.Priority },
	} {
		if !f.seen[name] {
			take()
		}
	}
	return o, nil
}

// readBatch reads the id of a batch in a field of an upload.
func readBatch(value string) (uuid.UUID, error) {
	id, err := uuid.Parse(value)
	if err != nil {
		return id, fault.Wrap(err, fault.NotFound, "There is no batch of that id.").With("field", "batch")
	}
	return id, nil
}
