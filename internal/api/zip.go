package api

import (
	"net/http"
	"strconv"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

type zipJSON struct {
	ID          uuid.UUID              `json:"id"`
	Status      transcription.ZipState `json:"status"`
	Format      string                 `json:"format"`
	Total       int                    `json:"total"`
	Done        int                    `json:"done"`
	Progress    fraction               `json:"progress"`
	Size        *int64                 `json:"size"`
	Error       *problemJSON           `json:"error"`
	CreatedAt   timestamp              `json:"createdAt"`
	CompletedAt timestamp              `json:"completedAt"`
	ExpiresAt   timestamp              `json:"expiresAt"`
}

func newZipJSON(z *transcription.Zip) zipJSON {
	return zipJSON{
		ID: z.ID, Status: z.State, Format: z.Format, Total: z.Total, Done: z.Done, Progress: done(float64(z.Done) / float64(max(z.Total, 1))),
		Size: orNull(z.Size), Error: (*problemJSON)(z.Failure),
		CreatedAt: timestamp(z.CreatedAt), CompletedAt: timestamp(z.CompletedAt), ExpiresAt: timestamp(z.ExpiresAt),
	}
}

// createZip has a zip written in the background.
func (s *Server) createZip(c echo.Context, in bundleJSON, f transcription.Format) error {
	ids, batch, err := in.domain()
	if err != nil {
		return err
	}
	layout := c.QueryParams()
	layout.Del("format")
	z, err := s.transcriptions.CreateZip(c.Request().Context(), actor(c), ids, batch, f, layout)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, root+"/exports/"+z.ID.String())
	return answer(c, http.StatusAccepted, newZipJSON(z))
}

var zipByID = byID[transcription.Zip]{"export", func(z *transcription.Zip) uuid.UUID { return z.ID }}

func (s *Server) listZips(c echo.Context) error {
	return listByID(c, zipByID, s.transcriptions.Zips, newZipJSON)
}

func (s *Server) showZip(c echo.Context) error {
	return showByID(c, zipByID, s.transcriptions.Zip, newZipJSON)
}

func (s *Server) cancelZip(c echo.Context) error {
	return showByID(c, zipByID, s.transcriptions.CancelZip, newZipJSON)
}

// downloadZip sends the file of a zip.
func (s *Server) downloadZip(c echo.Context) error {
	id, err := readIDOf(c, "export")
	if err != nil {
		return err
	}
	body, size, err := s.transcriptions.OpenZip(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // it was only read
	h := c.Response().Header()
	h.Set(echo.HeaderContentLength, strconv.FormatInt(size, 10))
	h.Set(echo.HeaderContentDisposition, attachment("transcripts.zip"))
	return c.Stream(http.StatusOK, "application/zip", body)
}

func (s *Server) deleteZip(c echo.Context) error {
	id, err := readIDOf(c, "export")
	if err != nil {
		return err
	}
	if err := s.transcriptions.DeleteZip(c.Request().Context(), actor(c), id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
