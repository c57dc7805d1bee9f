package api

import (
	_ "embed"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

//go:embed openapi.yaml
var openAPI []byte

// OpenAPI returns the description of this API, an OpenAPI 3.1 document in YAML.
func OpenAPI() []byte { return slices.Clone(openAPI) }

type limitsJSON struct {
	MaxBytes      int64    `json:"maxBytes"`
	MaxDuration   seconds  `json:"maxDuration"`
	MaxPrompt     int      `json:"maxPrompt"`
	ExportFormats []string `json:"exportFormats"`
}

type modelsJSON struct {
	Default *string            `json:"default"`
	Aliases map[string]*string `json:"aliases"`
	Items   []modelJSON        `json:"items"`
}

type modelJSON struct {
	Name         string   `json:"name"`
	Installed    bool     `json:"installed"`
	Size         int64    `json:"size"`
	Multilingual bool     `json:"multilingual"`
	Languages    []string `json:"languages"`
	Translates   bool     `json:"translates"`
	Demo         bool     `json:"demo"`
}

func (s *Server) limits(c echo.Context) error {
	l := s.transcriptions.Limits()
	out := limitsJSON{MaxBytes: l.MaxBytes, MaxDuration: seconds(l.MaxDuration), MaxPrompt: transcription.MaxPrompt}
	for _, f := range transcription.Formats() {
		out.ExportFormats = append(out.ExportFormats, f.Name)
	}
	return answer(c, http.StatusOK, out)
}

func (s *Server) models(c echo.Context) error {
	installed, err := s.transcriptions.Models(c.Request().Context())
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newModelsJSON(installed))
}

func newModelsJSON(installed []transcription.Model) modelsJSON {
	names := make([]string, len(installed))
	for i, m := range installed {
		names[i] = m.Name
	}
	out := modelsJSON{Default: orNull(transcription.DefaultModel(names).Name), Aliases: map[string]*string{}}
	for _, alias := range transcription.Aliases {
		m, _ := transcription.ChooseModel(transcription.Options{Model: alias}, names) // every model does what nobody has asked for
		out.Aliases[alias] = orNull(m.Name)
	}
	for _, m := range transcription.Models() {
		out.Items = append(out.Items, modelJSON{
			Name: m.Name, Installed: slices.Contains(names, m.Name), Size: m.Size, Multilingual: m.Multilingual, Languages: m.Languages(),
			Translates: m.Translates, Demo: m.Demo,
		})
	}
	return out
}

// presenceJSON says who is there of those that do the work.
type presenceJSON struct {
	Worker    signJSON `json:"worker"`
	Scheduler signJSON `json:"scheduler"`
}

type signJSON struct {
	Alive   bool     `json:"alive"`
	Silence *seconds `json:"silence"`
}

func (s *Server) presence(c echo.Context) error {
	p, err := s.transcriptions.Presence(c.Request().Context())
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, presenceJSON{newSignJSON(p.Worker), newSignJSON(p.Scheduler)})
}

func newSignJSON(s transcription.Sign) signJSON {
	out := signJSON{Alive: s.Alive}
	if s.Known {
		silence := seconds(s.Silence)
		out.Silence = &silence
	}
	return out
}

func (s *Server) document(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/yaml", openAPI)
}

func (s *Server) schema(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/schema+json", transcription.Schema())
}
