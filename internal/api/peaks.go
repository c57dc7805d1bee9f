package api

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// maxWidth is how many bins of an outline may be asked for; without a number all come.
const maxWidth = 100_000

// showPeaks answers with the outline of a recording, in the JSON form of audiowaveform: what
// draws it knows that and no envelope.
func (s *Server) showPeaks(c echo.Context) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	width, err := readWidth(c)
	if err != nil {
		return err
	}
	peaks, version, err := s.transcriptions.Peaks(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	tag := `"` + digest([]byte(version), []byte(strconv.Itoa(width))) + `"`
	taggedHead{tag: tag}.setHeader(c)
	if matches(c.Request().Header.Values("If-None-Match"), tag) {
		return c.NoContent(http.StatusNotModified)
	}
	if width > 0 {
		peaks = peaks.Fit(width)
	}
	c.Response().Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	return writePeaks(c.Response(), peaks)
}

// readWidth returns how many bins are asked for, 0 where that is not said.
func readWidth(c echo.Context) (int, error) {
	q, err := readQuery(c)
	if err != nil {
		return 0, err
	}
	if err := known(q, []string{"width"}); err != nil || q.Get("width") == "" {
		return 0, err
	}
	width, err := strconv.Atoi(q.Get("width"))
	if err != nil || width < 1 || width > maxWidth {
		return 0, fault.New(fault.Invalid, "The width must be a number between 1 and %d.", maxWidth).WithCode("invalid_width").With("field", "width").With("limit", maxWidth)
	}
	return width, nil
}

// writePeaks writes a number at a time: a day has millions.
func writePeaks(w http.ResponseWriter, p *audio.Peaks) error {
	out := bufio.NewWriterSize(w, maxPiece)
	_, err := fmt.Fprintf(out, `{"version":2,"channels":%d,"sample_rate":%d,"samples_per_pixel":%d,"bits":8,"length":%d,"data":[`, p.Channels(), audio.SampleRate, p.Bin(), p.Len())
	number := make([]byte, 0, 8)
	for i, v := range p.Data() {
		if number = number[:0]; i > 0 {
			number = append(number, ',')
		}
		if _, err = out.Write(strconv.AppendInt(number, int64(v), 10)); err != nil {
			return err
		}
	}
	if err == nil {
		_, err = out.WriteString("]}\n")
	}
	if err != nil {
		return err
	}
	return out.Flush()
}
