package transcription

import (
	"slices"
	"strings"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// What may be asked for instead of a model. It is resolved when the recording is
// prepared, among the models that are installed by then.
const (
	Fast     = "fast"     // the smallest that is good
	Balanced = "balanced" // the default
	Best     = "best"     // the most accurate
)

// Aliases lists what may be asked for instead of a model.
var Aliases = []string{Fast, Balanced, Best}

// preferences orders the models for each alias, the demo model last. For Balanced
// the order is that of the ranks.
var preferences = map[string][]string{
	Fast: {
		"base.en", "base", "tiny.en", "tiny", "small.en", "small", "large-v3-turbo",
		"medium.en", "medium", "large-v3", "large-v2", "large-v1", DemoModel,
	},
	Best: {
		"large-v3", "large-v2", "large-v3-turbo", "large-v1", "medium.en", "medium",
		"small.en", "small", "base.en", "base", "tiny.en", "tiny", DemoModel,
	},
	Balanced: byRank(),
}

func byRank() []string {
	names := make([]string, len(models))
	for i, m := range models {
		names[len(models)-1-i] = m.Name
	}
	return names
}

// ChooseModel returns the installed model that does what o asks for: the one of
// that name or, for an alias or no name, the first in the order of the alias.
// Models that know only English come last there unless English is asked for: who
// does not name a language may be speaking any.
//
// Where nothing is known to be installed, a name is checked alone and an alias
// comes to the zero Model. Faults are Invalid: unknown_model,
// model_not_installed, language_not_supported and translation_not_supported.
func ChooseModel(o Options, names []string) (Model, error) {
	if o.Model != "" && !slices.Contains(Aliases, o.Model) {
		return namedModel(o, names)
	}
	order := preferences[o.Model]
	if o.Model == "" {
		order = preferences[Balanced]
	}
	found := installed(names)
	able := slices.DeleteFunc(slices.Clone(found), func(m Model) bool { return m.Accept(o) != nil })
	if len(able) == 0 && len(found) > 0 {
		return Model{}, noneFits(o, found)
	}
	var chosen Model
	for _, m := range able {
		if chosen.Name == "" || before(m, chosen, o, order) {
			chosen = m
		}
	}
	return chosen, nil
}

func before(a, b Model, o Options, order []string) bool {
	if o.Language != "en" && a.Multilingual != b.Multilingual {
		return a.Multilingual
	}
	return slices.Index(order, a.Name) < slices.Index(order, b.Name)
}

func namedModel(o Options, names []string) (Model, error) {
	m, err := FindModel(o.Model)
	if err != nil {
		return m, err
	}
	if err := m.Accept(o); err != nil {
		return m, err
	}
	if len(names) > 0 && !slices.Contains(names, m.Name) {
		return m, NotInstalled(m.Name, names)
	}
	return m, nil
}

// noneFits says why none of the installed models can do what o asks for.
func noneFits(o Options, found []Model) error {
	names := make([]string, len(found))
	spoken := false
	for i, m := range found {
		names[i] = m.Name
		spoken = spoken || o.Language == "" || m.Knows(o.Language)
	}
	list := strings.Join(names, ", ")
	if spoken {
		return fault.New(fault.Invalid, "None of the installed models can translate what is spoken: %s. Ask your administrator for one that can, for example small.", list).
			WithCode("translation_not_supported").With("field", "translate").With("installed", names)
	}
	return fault.New(fault.Invalid, "None of the installed models knows %s: %s. Ask your administrator for one that does, for example large-v3.", LanguageName(o.Language), list).
		WithCode("language_not_supported").With("field", "language").With("installed", names)
}

// NotInstalled is the fault of a known model without its file.
func NotInstalled(name string, installed []string) error {
	return fault.New(fault.Invalid, "The model %s is not installed. Installed: %s.", name, strings.Join(installed, ", ")).
		WithCode("model_not_installed").With("field", "model").With("installed", installed)
}

// refusals say why a model cannot be used whose file is there, by the code that
// workers have for it.
var refusals = map[string]string{
	"model_too_large":  "The model %s needs more memory than a worker may use. Choose a smaller one, or ask your administrator for more memory.",
	"model_damaged":    "The file of the model %s is damaged. Choose another one, or ask your administrator to replace it.",
	"wrong_model":      "The file of the model %s holds another one. Choose another one, or ask your administrator to replace it.",
	"model_unreadable": "The file of the model %s cannot be read. Choose another one, or tell your administrator.",
}

// refusedModel is the fault of a model whose file no worker can use.
func refusedModel(name, code string, installed []string) error {
	message, known := refusals[code]
	if !known {
		return NotInstalled(name, installed)
	}
	return fault.New(fault.Invalid, message, name).WithCode(code).With("field", "model").With("installed", installed)
}

// DefaultModel returns the model that who asks for none gets when those are
// installed, the zero Model when none is known.
func DefaultModel(names []string) Model {
	m, _ := ChooseModel(Options{}, names) // every model does what nobody has asked for
	return m
}

func installed(names []string) (found []Model) {
	for _, m := range models {
		if slices.Contains(names, m.Name) {
			found = append(found, m)
		}
	}
	return found
}
