package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

type revisionJSON struct {
	Revision int                        `json:"revision"`
	Run      int                        `json:"run"`
	Kind     transcription.RevisionKind `json:"kind"`
	Of       *int                       `json:"of"`
	By       authorJSON                 `json:"by"`
	At       timestamp                  `json:"at"`
	Changed  int                        `json:"changed"`
}

// authorJSON is an actor, of whom those who share a text want to know who it was.
type authorJSON struct {
	actorJSON
	Email *string `json:"email"`
}

type revisionTextJSON struct {
	Revision int `json:"revision"`
	textJSON
}

type diffJSON struct {
	From    int              `json:"from"`
	To      int              `json:"to"`
	Changes []map[string]any `json:"changes"`
}

func newRevisionJSON(r *transcription.Revision) revisionJSON {
	out := revisionJSON{
		Revision: r.Number, Run: r.Run, Kind: r.Kind, At: timestamp(r.At), Changed: r.Changed,
		By: authorJSON{actorJSON{Kind: r.By.Kind, Name: orNull(r.By.Name)}, orNull(r.By.Email)},
	}
	if r.Kind == transcription.ByRestore || r.Kind == transcription.ByKeeping {
		out.Of = &r.Of
	}
	return out
}

func (s *Server) listRevisions(c echo.Context) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	f := transcription.RevisionFilter{}
	if f.Limit, err = readLimit(q); err != nil {
		return err
	}
	before, err := parsePlace(q.Get("cursor"))
	if err != nil {
		return err
	}
	f.Before = int(before)
	list, err := s.transcriptions.Revisions(c.Request().Context(), actor(c), id, f)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newPageJSON(list, f.Limit, newRevisionJSON, func(r *transcription.Revision) string { return formatPlace(int64(r.Number)) }))
}

func (s *Server) showRevision(c echo.Context) error {
	id, number, err := readRevision(c)
	if err != nil {
		return err
	}
	t, err := s.transcriptions.At(c.Request().Context(), actor(c), id, number)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, revisionTextJSON{t.Revision, newTextJSON(t)})
}

// diffRevision tells what leads to a revision from another, the one before unless the
// query names one.
func (s *Server) diffRevision(c echo.Context) error {
	id, to, err := readRevision(c)
	if err != nil {
		return err
	}
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	from := transcription.RevisionBefore
	if text := q.Get("from"); text != "" {
		if from, err = parseRevision(text); err != nil {
			return err
		}
	}
	d, err := s.transcriptions.Diff(c.Request().Context(), actor(c), id, from, to)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, diffJSON{d.From, d.To, newChangesJSON(d.Splices, "before", "after")})
}

func (s *Server) restoreRevision(c echo.Context) error {
	_, number, err := readRevision(c)
	if err != nil {
		return err
	}
	return s.changeTranscription(c, nil, func(ctx context.Context, id uuid.UUID, base *int) (*transcription.Transcription, error) {
		return s.transcriptions.Restore(ctx, actor(c), id, base, number)
	})
}

// readRevision returns the id and the revision of the path.
func readRevision(c echo.Context) (uuid.UUID, int, error) {
	id, err := readID(c)
	if err != nil {
		return id, 0, err
	}
	number, err := parseRevision(c.Param("revision"))
	return id, number, err
}

// parseRevision reads the number of a revision, or the word for the machine's latest.
func parseRevision(text string) (int, error) {
	if text == "machine" {
		return transcription.MachineText, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fault.New(fault.NotFound, "There is no revision %q: they are numbers from 0, or machine.", text)
	}
	return int(n), nil
}
