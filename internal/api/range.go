package api

import (
	"net/http"
	"strconv"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// rangeIn is what a range shall be; what is left out is as the text was made.
type rangeIn struct {
	From      *instant `json:"from"`
	To        *instant `json:"to"`
	Model     *string  `json:"model"`
	Language  *string  `json:"language"`
	Prompt    *string  `json:"prompt"`
	Translate *bool    `json:"translate"`
}

// partJSON is a range.
type partJSON struct {
	ID                 int                  `json:"id"`
	From               seconds              `json:"from"`
	To                 seconds              `json:"to"`
	Status             transcription.Status `json:"status"`
	Stage              *string              `json:"stage"`
	Progress           fraction             `json:"progress"`
	Model              *string              `json:"model"`
	Language           *string              `json:"language"`
	LanguageConfidence *fraction            `json:"languageConfidence"`
	Translate          bool                 `json:"translate"`
	After              int                  `json:"after"`
	Revision           *int                 `json:"revision"`
	EditsKept          bool                 `json:"editsKept"`
	Error              *problemJSON         `json:"error"`
	CreatedAt          timestamp            `json:"createdAt"`
	CompletedAt        timestamp            `json:"completedAt"`
}

func newPartJSON(r *transcription.Range) partJSON {
	out := partJSON{
		ID: r.Number, From: seconds(r.From), To: seconds(r.To), Status: r.Status, Stage: orNull(stages[r.Status]), Progress: done(r.Progress),
		Model: orNull(r.Model), Language: orNull(r.Language), Translate: r.Options.Translate, After: r.After, EditsKept: r.Kept,
		Error: (*problemJSON)(r.Failure), CreatedAt: timestamp(r.CreatedAt), CompletedAt: timestamp(r.CompletedAt),
	}
	if r.Language != "" {
		out.LanguageConfidence = (*fraction)(&r.LanguageConfidence)
	}
	if r.Status == transcription.Completed {
		out.Revision = &r.Revision
	}
	return out
}

func (in rangeIn) domain() (transcription.NewRange, error) {
	n := transcription.NewRange{Model: in.Model, Language: in.Language, Prompt: in.Prompt, Translate: in.Translate}
	if in.From == nil || in.To == nil {
		return n, fault.New(fault.Invalid, "A range needs the seconds from and to.").WithCode("invalid_range").With("field", "from")
	}
	n.From, n.To = in.From.duration(), in.To.duration()
	return n, nil
}

func (s *Server) createRange(c echo.Context) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	base, err := readBase(c, id)
	if err != nil {
		return err
	}
	var in rangeIn
	if err := readJSON(c, &in); err != nil {
		return err
	}
	n, err := in.domain()
	if err != nil {
		return err
	}
	r, err := s.transcriptions.CreateRange(c.Request().Context(), actor(c), id, base, n)
	if err != nil {
		return withBoth(err)
	}
	c.Response().Header().Set(echo.HeaderLocation, root+"/transcriptions/"+id.String()+"/ranges/"+strconv.Itoa(r.Number))
	return answer(c, http.StatusAccepted, newPartJSON(r))
}

func (s *Server) listRanges(c echo.Context) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	limit, cursor, err := readPage(c)
	if err != nil {
		return err
	}
	before, err := parsePlace(cursor)
	if err != nil {
		return err
	}
	list, err := s.transcriptions.Ranges(c.Request().Context(), actor(c), id, int(before), limit)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newPageJSON(list, limit, newPartJSON, func(r *transcription.Range) string { return formatPlace(int64(r.Number)) }))
}

func (s *Server) showRange(c echo.Context) error {
	id, number, err := readRange(c)
	if err != nil {
		return err
	}
	r, err := s.transcriptions.Range(c.Request().Context(), actor(c), id, number)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newPartJSON(r))
}

func (s *Server) cancelRange(c echo.Context) error {
	id, number, err := readRange(c)
	if err != nil {
		return err
	}
	r, err := s.transcriptions.CancelRange(c.Request().Context(), actor(c), id, number)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newPartJSON(r))
}

// readRange returns the id and the range of the path.
func readRange(c echo.Context) (uuid.UUID, int, error) {
	id, err := readID(c)
	if err != nil {
		return id, 0, err
	}
	n, err := strconv.ParseUint(c.Param("range"), 10, 31)
	if err != nil || n == 0 {
		return id, 0, fault.New(fault.NotFound, "There is no range %q: they are numbers from 1.", c.Param("range"))
	}
	return id, int(n), nil
}
