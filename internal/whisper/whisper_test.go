package whisper

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

func TestEngine_Model(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files []string
		ask   string
		want  string
		code  string
	}{
		"the default is the best installed": {[]string{"ggml-demo.en.bin", "ggml-base.bin"}, "", "base", ""},
		"by name":                           {[]string{"ggml-demo.en.bin", "ggml-base.bin"}, "demo.en", "demo.en", ""},
		"not installed":                     {[]string{"ggml-demo.en.bin"}, "small", "small", "model_not_installed"},
		"the most accurate":                 {[]string{"ggml-medium.bin", "ggml-small.bin"}, "best", "medium", ""},
		"unknown":                           {[]string{"ggml-demo.en.bin"}, "enormous", "", "unknown_model"},
		"none at all":                       {nil, "", "", "no_model"},
		"other files do not count":          {[]string{"ggml-base.bin.part"}, "base", "", "no_model"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEngine(Options{ModelDir: install(t, tt.files...), Slots: 1}, &fake{})
			m, err := e.Model(tt.ask)
			if m.Name != tt.want || code(err) != tt.code {
				t.Errorf("got %q and %v, want %q and code %q", m.Name, err, tt.want, tt.code)
			}
		})
	}
}

func TestEngine_Choose(t *testing.T) {
	t.Parallel()
	e := newEngine(Options{ModelDir: install(t, "ggml-demo.en.bin", "ggml-base.bin", "ggml-large-v3-turbo.bin"), Slots: 1}, &fake{})
	for o, want := range map[transcription.Options]string{
		{Model: "fast"}:                  "base",
		{Model: "best"}:                  "large-v3-turbo",
		{Model: "best", Translate: true}: "base",
		{Model: "fast", Language: "yue"}: "large-v3-turbo",
	} {
		if m, err := e.Choose(o); err != nil || m.Name != want {
			t.Errorf("%+v: got %q, %v, want %s", o, m.Name, err, want)
		}
	}
}

// TestEngine_badFiles: what cannot be used is not offered, and asking for it says
// why.
func TestEngine_badFiles(t *testing.T) {
	t.Parallel()
	dir := install(t, "ggml-demo.en.bin", "ggml-large-v3.bin")
	for name, content := range map[string][]byte{
		"ggml-tiny.bin":  modelFile(t, known(t, "tiny"))[:100],
		"ggml-base.bin":  []byte("<html>Not Found</html>"),
		"ggml-small.bin": modelFile(t, known(t, "medium")),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := newEngine(Options{ModelDir: dir, Slots: 2, Memory: 1 << 30}, &fake{})
	if diff := cmp.Diff([]string{"demo.en"}, e.Installed()); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]string{
		"tiny": "model_damaged", "base": "model_damaged", "small": "wrong_model", "large-v3": "model_too_large",
		"medium": "model_not_installed", "": "", "best": "",
	} {
		if m, err := e.Model(name); code(err) != want || want == "" && m.Name != "demo.en" {
			t.Errorf("%s: got %q, %v, want %s", name, m.Name, err, want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "ggml-tiny.bin"), modelFile(t, known(t, "tiny")), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := e.Model("tiny"); err != nil {
		t.Errorf("a file that was mended: got %q, %v", m.Name, err)
	}
	if err := os.Remove(filepath.Join(dir, "ggml-demo.en.bin")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "ggml-tiny.bin")); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Model(""); !fault.Is(err, fault.Invalid) {
		t.Errorf("with only files that cannot be used: got %v", err)
	}
}

func TestEngine_Installed(t *testing.T) {
	t.Parallel()
	dir := install(t, "ggml-small.bin", "ggml-demo.en.bin", "notes.txt")
	e := newEngine(Options{ModelDir: dir, Slots: 3}, &fake{})
	if diff := cmp.Diff([]string{"demo.en", "small"}, e.Installed()); diff != "" {
		t.Error(diff)
	}
	if e.Slots() != 3 {
		t.Errorf("%d slots, want 3", e.Slots())
	}
}

func TestEngine_Decode_refusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	dir := install(t, "ggml-demo.en.bin", "ggml-base.bin", "ggml-large-v3-turbo.bin")
	for name, tt := range map[string]struct {
		model  string
		o      pipeline.DecodeOptions
		length int
		code   string
	}{
		"30 s":                        {"base", pipeline.DecodeOptions{Language: "de", Translate: true}, int(audio.MaxWindow), ""},
		"more than 30 s":              {"base", pipeline.DecodeOptions{}, int(audio.MaxWindow) + 1, "window_too_long"},
		"no language":                 {"base", pipeline.DecodeOptions{Language: "xx"}, 16000, "unknown_language"},
		"a language it does not know": {"demo.en", pipeline.DecodeOptions{Language: "de"}, 16000, "language_not_supported"},
		"a model not trained for it":  {"large-v3-turbo", pipeline.DecodeOptions{Translate: true}, 16000, "translation_not_supported"},
		"a model that is not there":   {"tiny", pipeline.DecodeOptions{}, 16000, "model_not_installed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEngine(Options{ModelDir: dir, Slots: 1}, &fake{})
			if _, err := e.Decode(t.Context(), tt.model, tt.o, make([]int16, tt.length)); code(err) != tt.code {
				t.Errorf("got %v, want code %q", err, tt.code)
			}
		})
	}
}

func TestEngine_Decode_nothing(t *testing.T) {
	t.Parallel()
	e := newEngine(Options{ModelDir: install(t, "ggml-base.bin"), Slots: 1}, &fake{})
	got, err := e.Decode(t.Context(), "", pipeline.DecodeOptions{Prompt: "fail"}, nil)
	if err != nil || got != nil {
		t.Errorf("got %v, %v of an empty window", got, err)
	}
}

// The demo model has a word error rate above 100 % as soon as it sees a prompt.
func TestEngine_Decode_keepsThePromptFromTheDemoModel(t *testing.T) {
	t.Parallel()
	e := newEngine(Options{ModelDir: install(t, "ggml-demo.en.bin", "ggml-base.bin"), Slots: 1}, &fake{})
	for model, want := range map[string]string{"demo.en": "", "base": "Robert"} {
		got, err := e.Decode(t.Context(), model, pipeline.DecodeOptions{Prompt: "Robert"}, make([]int16, 16000))
		if err != nil {
			t.Fatal(err)
		}
		if prompt := got[0].Words[0].Text; prompt != want {
			t.Errorf("%s was given the prompt %q, want %q", model, prompt, want)
		}
	}
}

// The library ranked Cantonese for models that have no token for it, by the token to
// translate with: a recording could be pinned to a language its model then refuses.
func TestEngine_Detect(t *testing.T) {
	t.Parallel()
	e := newEngine(Options{ModelDir: install(t, "ggml-demo.en.bin", "ggml-base.bin", "ggml-large-v3-turbo.bin"), Slots: 1}, &fake{})
	for model, want := range map[string]map[string]float64{
		"demo.en": {"en": 1}, "base": {"de": 0.75, "en": 0.25}, "large-v3-turbo": {"de": 0.375, "en": 0.125, "yue": 0.5},
	} {
		got, err := e.Detect(t.Context(), model, make([]int16, 16000))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", model, diff)
		}
	}
	if _, err := e.Detect(t.Context(), "base", make([]int16, audio.MaxWindow+1)); code(err) != "window_too_long" {
		t.Errorf("got %v for a window that is too long", err)
	}
}

// TestEngine_slots holds all slots, and looks at what waits for one.
func TestEngine_slots(t *testing.T) {
	t.Parallel()
	f := &fake{hold: make(chan struct{}), holds: make(chan struct{})}
	e := newEngine(Options{ModelDir: install(t, "ggml-base.bin"), Slots: 2}, f)
	decode := func(ctx context.Context, prompt string) error {
		_, err := e.Decode(ctx, "", pipeline.DecodeOptions{Prompt: prompt}, make([]int16, 16000))
		return err
	}
	results := make(chan error)
	for range 5 {
		go func() { results <- decode(t.Context(), "hold") }()
	}
	<-f.holds
	<-f.holds
	ctx, cancel := context.WithCancel(t.Context())
	go func() { results <- decode(ctx, "") }()
	cancel()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was canceled while it waited returned %v", err)
	}
	go func() {
		for range 3 {
			<-f.holds
		}
	}()
	close(f.hold)
	for range 5 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if f.most != 2 {
		t.Errorf("%d windows were decoded at once, want 2", f.most)
	}
}

// TestEngine_Close closes while a window is being decoded.
func TestEngine_Close(t *testing.T) {
	t.Parallel()
	f := &fake{hold: make(chan struct{}), holds: make(chan struct{})}
	e := newEngine(Options{ModelDir: install(t, "ggml-base.bin"), Slots: 1}, f)
	result, closed := make(chan error), make(chan error)
	go func() {
		_, err := e.Decode(t.Context(), "", pipeline.DecodeOptions{Prompt: "hold"}, make([]int16, 16000))
		result <- err
	}()
	<-f.holds
	go func() { closed <- e.Close() }()
	for code(call(t, e)) != "engine_closed" {
	}
	close(f.hold)
	if err := errors.Join(<-result, <-closed, e.Close()); err != nil {
		t.Error(err)
	}
	if !f.isClosed() {
		t.Error("the host was not closed")
	}
}

// call decodes a window under a context that has ended, so that it never waits.
func call(t *testing.T, e *Engine) error {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := e.Decode(ctx, "", pipeline.DecodeOptions{}, make([]int16, 16000))
	return err
}
