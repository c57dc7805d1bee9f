package api

import (
	"io"
	"iter"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func (s *Server) exportTranscription(c echo.Context) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	format, layout, err := readExport(c)
	if err != nil {
		return err
	}
	t, err := s.transcriptions.Readable(c.Request().Context(), actor(c), id, format)
	if err != nil {
		return err
	}
	return sendFile(c, format.ContentType, format.FileName(t.File.Name), func(w io.Writer) error {
		return s.exporter.Write(w, format, t, layout)
	})
}

// readExport returns what an export is to be: txt unless a format is named.
func readExport(c echo.Context) (transcription.Format, transcription.Layout, error) {
	q, err := readQuery(c)
	if err != nil {
		return transcription.Format{}, transcription.Layout{}, err
	}
	if err := known(q, append([]string{"format"}, transcription.LayoutOptions()...)); err != nil {
		return transcription.Format{}, transcription.Layout{}, err
	}
	format, err := transcription.FindFormat(first(q.Get("format"), "txt"))
	if err != nil {
		return transcription.Format{}, transcription.Layout{}, err
	}
	layout, err := transcription.ReadLayout(format, q)
	return format, layout, err
}

// bundleJSON names what is to be exported together.
type bundleJSON struct {
	IDs   []string `json:"ids"`
	Batch *string  `json:"batch"`
	Async bool     `json:"async"`
}

// domain returns either ids or a batch.
func (in bundleJSON) domain() (ids []uuid.UUID, batch uuid.UUID, err error) {
	if (in.Batch == nil) == (in.IDs == nil) {
		return nil, batch, fault.New(fault.Invalid, "Name either the ids of transcriptions or a batch.").WithCode("ids_or_batch")
	}
	if in.Batch != nil {
		batch, err = readBatch(*in.Batch)
		return nil, batch, err
	}
	ids = make([]uuid.UUID, len(in.IDs))
	for i, text := range in.IDs {
		if ids[i], err = uuid.Parse(text); err != nil {
			return nil, batch, fault.Wrap(err, fault.NotFound, "There is no transcription of that id.").With("id", text)
		}
	}
	return ids, batch, nil
}

// bundle returns what is to be exported together.
func (s *Server) bundle(c echo.Context, in bundleJSON, f transcription.Format) (iter.Seq2[*transcription.Transcription, error], error) {
	ids, batch, err := in.domain()
	if err != nil {
		return nil, err
	}
	if batch != uuid.Nil {
		return s.transcriptions.BundleBatch(c.Request().Context(), actor(c), batch, f)
	}
	return s.transcriptions.Bundle(c.Request().Context(), actor(c), ids, f)
}

// exportTranscriptions sends a zip, which is written while it is sent, or has one written in
// the background.
func (s *Server) exportTranscriptions(c echo.Context) error {
	format, layout, err := readExport(c)
	if err != nil {
		return err
	}
	var in bundleJSON
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if in.Async {
		return s.createZip(c, in, format)
	}
	all, err := s.bundle(c, in, format)
	if err != nil {
		return err
	}
	return sendFile(c, "application/zip", "transcripts.zip", func(w io.Writer) error {
		return s.exporter.WriteZip(w, format, layout, all)
	})
}

// sendFile sends what write writes as a file to be saved. As long as that is nothing, an
// error is answered as always.
func sendFile(c echo.Context, kind, name string, write func(io.Writer) error) error {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, kind)
	h.Set(echo.HeaderContentDisposition, attachment(name))
	err := write(c.Response())
	if err != nil && !c.Response().Committed {
		h.Del(echo.HeaderContentType)
		h.Del(echo.HeaderContentDisposition)
	}
	return err
}
