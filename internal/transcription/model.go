package transcription

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// ModelStore tells of the models of living workers.
type ModelStore interface {
	// InstalledModels returns the names of the models that living workers have
	// reported.
	InstalledModels(ctx context.Context) ([]string, error)
	// RefusedModels returns the codes of why living workers cannot use files that they
	// have, by model.
	RefusedModels(ctx context.Context) (map[string]string, error)
}

// Model is a speech model that TurboScribe knows by name.
type Model struct {
	Name         string
	File         string // in the model directory
	Size         int64  // of the published file, in bytes
	SHA256       string // of the published file, in hexadecimal; empty: not known
	Shape        Shape
	Multilingual bool // false: English only
	Translates   bool // into English
	Demo         bool // made for trying TurboScribe out; results carry a warning
	Rank         int  // the installed model of the highest rank is the default
}

// Shape is the geometry a model has by its name. The header of its file states
// it too, however the weights are quantised.
type Shape struct {
	Vocabulary  int32
	Mels        int32
	AudioState  int32
	AudioLayers int32
	TextLayers  int32
}

// The sizes of the vocabularies: they differ by the tokens for languages.
const (
	englishVocabulary   = 51864
	vocabulary          = 51865
	cantoneseVocabulary = 51866
)

// DemoModel is the name of the model that comes with TurboScribe.
const DemoModel = "demo.en"

// models is ordered by rank: a person who has installed several and asks for
// none gets the most balanced of them, not the slowest. docs/models.md says where
// sizes and checksums are from.
var models = []Model{
	{
		Name: DemoModel, File: "ggml-demo.en.bin", Size: 17_712_423, Rank: 0, Demo: true,
		SHA256: "1a614470ea584ae7647ed5e910db46d3f4c8cf8924cfdfb347d28e7d80d114f1",
		Shape:  Shape{englishVocabulary, 80, 128, 4, 3},
	},
	{
		Name: "tiny.en", File: "ggml-tiny.en.bin", Size: 77_704_715, Rank: 1,
		SHA256: "921e4cf8686fdd993dcd081a5da5b6c365bfde1162e72b08d75ac75289920b1f",
		Shape:  Shape{englishVocabulary, 80, 384, 4, 4},
	},
	{
		Name: "tiny", File: "ggml-tiny.bin", Size: 77_691_713, Rank: 2, Multilingual: true, Translates: true,
		SHA256: "be07e048e1e599ad46341c8d2a135645097a538221678b7acdd1b1919c6e1b21",
		Shape:  Shape{vocabulary, 80, 384, 4, 4},
	},
	{
		Name: "base.en", File: "ggml-base.en.bin", Size: 147_964_211, Rank: 3,
		SHA256: "a03779c86df3323075f5e796cb2ce5029f00ec8869eee3fdfb897afe36c6d002",
		Shape:  Shape{englishVocabulary, 80, 512, 6, 6},
	},
	{
		Name: "base", File: "ggml-base.bin", Size: 147_951_465, Rank: 4, Multilingual: true, Translates: true,
		SHA256: "60ed5bc3dd14eea856493d334349b405782ddcaf0028d4b5df4088345fba2efe",
		Shape:  Shape{vocabulary, 80, 512, 6, 6},
	},
	{
		Name: "large-v1", File: "ggml-large-v1.bin", Size: 3_094_623_691, Rank: 5, Multilingual: true, Translates: true,
		SHA256: "7d99f41a10525d0206bddadd86760181fa920438b6b33237e3118ff6c83bb53d",
		Shape:  Shape{vocabulary, 80, 1280, 32, 32},
	},
	{
		Name: "large-v2", File: "ggml-large-v2.bin", Size: 3_094_623_691, Rank: 6, Multilingual: true, Translates: true,
		SHA256: "9a423fe4d40c82774b6af34115b8b935f34152246eb19e80e376071d3f999487",
		Shape:  Shape{vocabulary, 80, 1280, 32, 32},
	},
	{
		Name: "large-v3", File: "ggml-large-v3.bin", Size: 3_095_033_483, Rank: 7, Multilingual: true, Translates: true,
		SHA256: "64d182b440b98d5203c4f9bd541544d84c605196c4f7b845dfa11fb23594d1e2",
		Shape:  Shape{cantoneseVocabulary, 128, 1280, 32, 32},
	},
	{
		Name: "medium.en", File: "ggml-medium.en.bin", Size: 1_533_774_781, Rank: 8,
		SHA256: "cc37e93478338ec7700281a7ac30a10128929eb8f427dda2e865faa8f6da4356",
		Shape:  Shape{englishVocabulary, 80, 1024, 24, 24},
	},
	{
		Name: "medium", File: "ggml-medium.bin", Size: 1_533_763_059, Rank: 9, Multilingual: true, Translates: true,
		SHA256: "6c14d5adee5f86394037b4e4e8b59f1673b6cee10e3cf0b11bbdbee79c156208",
		Shape:  Shape{vocabulary, 80, 1024, 24, 24},
	},
	{
		Name: "small.en", File: "ggml-small.en.bin", Size: 487_614_201, Rank: 10,
		SHA256: "c6138d6d58ecc8322097e0f987c32f1be8bb0a18532a3f88f734d1bbf9c41e5d",
		Shape:  Shape{englishVocabulary, 80, 768, 12, 12},
	},
	{
		Name: "small", File: "ggml-small.bin", Size: 487_601_967, Rank: 11, Multilingual: true, Translates: true,
		SHA256: "1be3a9b2063867b937e64e2ec7483364a79917e157fa98c5d94b5c1fffea987b",
		Shape:  Shape{vocabulary, 80, 768, 12, 12},
	},
	{
		Name: "large-v3-turbo", File: "ggml-large-v3-turbo.bin", Size: 1_624_555_275, Rank: 12, Multilingual: true,
		SHA256: "1fc70f774d38eb169993ac391eea357ef47c88757ef72ee5943879b7e8e2bc69",
		Shape:  Shape{cantoneseVocabulary, 128, 1280, 32, 4},
	},
}

// Models returns every model that is known by name, lowest rank first.
func Models() []Model { return slices.Clone(models) }

// FindModel returns the known model of that name. Invalid unknown_model lists
// the names otherwise, and what may be asked for instead of one.
func FindModel(name string) (Model, error) {
	for _, m := range models {
		if m.Name == name {
			return m, nil
		}
	}
	names := make([]string, len(models))
	for i, m := range models {
		names[i] = m.Name
	}
	names = append(names, Aliases...)
	return Model{}, fault.New(fault.Invalid, "There is no model %q. Known models: %s.", name, strings.Join(names, ", ")).
		WithCode("unknown_model").With("field", "model").With("allowed", names)
}

// Knows reports whether the model was trained on the language of that code.
func (m Model) Knows(language string) bool {
	if !m.Multilingual {
		return language == "en"
	}
	return KnownLanguage(language) && (language != "yue" || m.Shape.Vocabulary >= cantoneseVocabulary)
}

// Languages returns the codes of the languages the model knows, in alphabetical
// order.
func (m Model) Languages() []string {
	codes := slices.Sorted(maps.Keys(languages))
	return slices.DeleteFunc(codes, func(code string) bool { return !m.Knows(code) })
}

// Accept returns an Invalid fault when the model cannot do what o asks for.
func (m Model) Accept(o Options) error {
	if o.Language != "" && !m.Knows(o.Language) {
		example, what := "small", "does not know "+LanguageName(o.Language)
		if !m.Multilingual {
			what = "knows only English"
		}
		if o.Language == "yue" {
			example = "large-v3"
		}
		return fault.New(fault.Invalid, "The model %s %s. Choose one for %s, for example %s.", m.Name, what, LanguageName(o.Language), example).
			WithCode("language_not_supported").With("field", "language")
	}
	if o.Translate && !m.Translates {
		return fault.New(fault.Invalid, "The model %s cannot translate. Choose one that can, for example small or large-v3.", m.Name).
			WithCode("translation_not_supported").With("field", "translate")
	}
	return nil
}
