package transcription

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// validate is canonical, and has a model do what o asks for. Installed are the models of
// living workers; when there are none, every known model is accepted and prepare has the
// last word.
func (o Options) validate(installed []string) (Options, error) {
	o, err := o.canonical()
	if err != nil {
		return o, err
	}
	_, err = ChooseModel(o, installed)
	return o, err
}

// canonical returns o in its canonical form, or an Invalid fault that names the field.
func (o Options) canonical() (Options, error) {
	o.Language = strings.ToLower(strings.TrimSpace(o.Language))
	if o.Language == "auto" {
		o.Language = ""
	}
	if o.Language != "" && !KnownLanguage(o.Language) {
		return o, fault.New(fault.Invalid, "%q is not a language Whisper knows. Use an ISO 639-1 code such as en, de or ja, or leave it out to detect it.", o.Language).
			WithCode("unknown_language").With("field", "language")
	}
	o.Prompt = strings.TrimSpace(o.Prompt)
	if n := utf8.RuneCountInString(o.Prompt); n > MaxPrompt {
		return o, fault.New(fault.Invalid, "The prompt has %d characters; at most %d are allowed. List only the names and terms that matter.", n, MaxPrompt).
			WithCode("prompt_too_long").With("field", "prompt").With("limit", MaxPrompt)
	}
	o.Model = strings.TrimSpace(o.Model)
	if o.Model == "" || slices.Contains(Aliases, o.Model) {
		return o, nil
	}
	_, err := FindModel(o.Model)
	return o, err
}
