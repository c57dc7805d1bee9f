package transcription

import (
	"slices"
	"testing"

	"github.com/turboscribe/turboscribe/internal/fault"
)

func TestChooseModel(t *testing.T) {
	t.Parallel()
	all := make([]string, len(models))
	for i, m := range models {
		all[i] = m.Name
	}
	english := Options{Language: "en"}
	with := func(o Options, model string) Options {
		o.Model = model
		return o
	}
	for name, tt := range map[string]struct {
		o         Options
		installed []string
		want      string
		code      string
	}{
		"the default":                         {Options{}, all, "large-v3-turbo", ""},
		"balanced is the default":             {Options{Model: Balanced}, all, "large-v3-turbo", ""},
		"fast":                                {Options{Model: Fast}, all, "base", ""},
		"fast English":                        {with(english, Fast), all, "base.en", ""},
		"best":                                {Options{Model: Best}, all, "large-v3", ""},
		"best English of the small":           {with(english, Best), []string{"small", "small.en", "base"}, "small.en", ""},
		"any language":                        {Options{Model: Best}, []string{"small.en", "tiny"}, "tiny", ""},
		"only English is there":               {Options{Model: Best}, []string{"small.en", "base.en"}, "small.en", ""},
		"German":                              {Options{Language: "de"}, []string{"small.en", "tiny"}, "tiny", ""},
		"Cantonese":                           {Options{Model: Fast, Language: "yue"}, all, "large-v3-turbo", ""},
		"translation":                         {Options{Translate: true}, all, "small", ""},
		"best translation":                    {Options{Model: Best, Translate: true}, all, "large-v3", ""},
		"anything before the demo model":      {with(english, Fast), []string{"demo.en", "large-v3"}, "large-v3", ""},
		"the demo model where it is alone":    {Options{Model: Best}, []string{"demo.en"}, "demo.en", ""},
		"a name":                              {Options{Model: "tiny"}, all, "tiny", ""},
		"nothing is known to be there":        {Options{Model: Best}, nil, "", ""},
		"a name, nothing is known":            {Options{Model: "medium"}, nil, "medium", ""},
		"no such name":                        {Options{Model: "quick"}, all, "", "unknown_model"},
		"a name that is not there":            {Options{Model: "tiny"}, []string{"base"}, "tiny", "model_not_installed"},
		"a language none knows":               {Options{Model: Fast, Language: "yue"}, []string{"small", "tiny.en"}, "", "language_not_supported"},
		"a default for a language":            {Options{Language: "de"}, []string{"demo.en", "tiny.en"}, "", "language_not_supported"},
		"none that translates":                {Options{Model: Best, Translate: true}, []string{"large-v3-turbo", "small.en"}, "", "translation_not_supported"},
		"none that translates from German":    {Options{Language: "de", Translate: true}, []string{"large-v3-turbo"}, "", "translation_not_supported"},
		"none that translates from Cantonese": {Options{Language: "yue", Translate: true}, []string{"small"}, "", "language_not_supported"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := ChooseModel(tt.o, tt.installed)
			if m.Name != tt.want || (err == nil) != (tt.code == "") || err != nil && fault.Of(err).Code != tt.code {
				t.Errorf("got %q, %v, want %q, code %q", m.Name, err, tt.want, tt.code)
			}
		})
	}
}

// TestPreferences: no alias forgets a model.
func TestPreferences(t *testing.T) {
	t.Parallel()
	for _, alias := range Aliases {
		names := slices.Sorted(slices.Values(preferences[alias]))
		for _, m := range models {
			if _, found := slices.BinarySearch(names, m.Name); !found {
				t.Errorf("%s forgets %s", alias, m.Name)
			}
		}
		if len(names) != len(models) {
			t.Errorf("%s has %d names for %d models", alias, len(names), len(models))
		}
	}
}

func TestModel_Languages(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"base.en": 1, "base": 99, "large-v2": 99, "large-v3": 100, "large-v3-turbo": 100} {
		m, err := FindModel(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Languages(); len(got) != want || !slices.Contains(got, "en") || !slices.IsSorted(got) {
			t.Errorf("%s knows %d languages, want %d: %v", name, len(got), want, got)
		}
	}
}
