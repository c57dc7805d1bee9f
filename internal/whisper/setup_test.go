package whisper

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/fault"
)

func TestOptions_fit(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		o              Options
		cores          int
		slots, threads int
	}{
		"a slot per core":                {Options{}, 4, 4, 1},
		"not more slots than are sound":  {Options{}, 64, 8, 8},
		"threads fill the cores":         {Options{Slots: 2}, 8, 2, 4},
		"threads as asked":               {Options{Slots: 2, Threads: 3}, 8, 2, 3},
		"threads lowered to fit":         {Options{Slots: 4, Threads: 4}, 8, 4, 2},
		"more slots than cores as asked": {Options{Slots: 3}, 2, 3, 1},
		"a GPU":                          {Options{GPU: true}, 16, 2, 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := tt.o.fit(tt.cores, 0)
			if got.Slots != tt.slots || got.Threads != tt.threads {
				t.Errorf("got %d slots × %d threads, want %d × %d", got.Slots, got.Threads, tt.slots, tt.threads)
			}
		})
	}
}

func TestOptions_fit_memory(t *testing.T) {
	t.Parallel()
	for want, o := range map[int64]Options{
		3 << 30:          {},
		1 << 30:          {Memory: 1 << 30},
		-1:               {Memory: -1},
		4 << 30 / 10 * 9: {GPU: true},
	} {
		if got := o.fit(4, 4<<30).Memory; got != want {
			t.Errorf("%+v: got %d, want %d", o, got, want)
		}
	}
	if got := machineMemory(); runtime.GOOS == "linux" && got < 64<<20 {
		t.Errorf("this machine has %d bytes of memory", got)
	}
}

// A worker that chose two slots offered no model at all on a card on which its only
// model fits with one.
func TestOptions_fit_lowersSlots(t *testing.T) {
	t.Parallel()
	dir := install(t, "ggml-base.bin", "ggml-large-v3.bin", "ggml-large-v3-turbo.bin")
	one := Options{ModelDir: dir, Slots: 1}
	turbo, _ := newCatalog(one).look(known(t, "large-v3-turbo"))
	need := turbo.cost // with one slot; the files that are installed here are tiny
	for name, tt := range map[string]struct {
		o             Options
		cores         int
		slots, thread int
	}{
		"room for two":                      {Options{GPU: true, Memory: 2 * need}, 8, 2, 4},
		"room for one":                      {Options{GPU: true, Memory: need}, 8, 1, 8},
		"room for three on a CPU":           {Options{Memory: 3 * need}, 4, 3, 1},
		"the default is what fits at all":   {Options{GPU: true, Memory: need - 1}, 8, 1, 8},
		"as asked, whatever becomes of it":  {Options{GPU: true, Memory: need, Slots: 2}, 8, 2, 4},
		"without a bound":                   {Options{GPU: true, Memory: -1}, 8, 2, 4},
		"no model is installed or can be":   {Options{GPU: true, Memory: 1}, 8, 2, 4},
		"memory that the driver keeps back": {Options{GPU: true}, 8, 2, 4},
	} {
		tt.o.ModelDir = dir
		got := tt.o.fit(tt.cores, 0)
		if got.Slots != tt.slots || got.Threads != tt.thread {
			t.Errorf("%s: got %d slots × %d threads, want %d × %d", name, got.Slots, got.Threads, tt.slots, tt.thread)
		}
	}
}

// A GPU's own numbers are halves, a CPU computes faster with bytes.
func TestOptions_fit_weights(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{}, PackedWeights},
		{Options{GPU: true}, FileWeights},
		{Options{Weights: FileWeights}, FileWeights},
		{Options{GPU: true, Weights: PackedWeights}, PackedWeights},
	} {
		if got := tt.o.fit(2, 1<<30).Weights; got != tt.want {
			t.Errorf("%+v: weights %q, want %q", tt.o, got, tt.want)
		}
	}
}

func TestChooseGPU(t *testing.T) {
	t.Parallel()
	cards := []gpu{{Number: 0, Name: "a", Free: 2}, {Number: 1, Name: "b", Free: 9}, {Number: 2, Name: "c", Free: 5}}
	for number, want := range map[int]string{-1: "b", 0: "a", 2: "c"} {
		if got, err := chooseGPU(cards, number); err != nil || got.Name != want {
			t.Errorf("number %d: got %q, %v, want %s", number, got.Name, err, want)
		}
	}
	unknown := []gpu{{Name: "a"}, {Number: 1, Name: "b"}}
	if got, err := chooseGPU(unknown, -1); err != nil || got.Name != "a" {
		t.Errorf("memory is not known: got %q, %v, want the first", got.Name, err)
	}
	for _, number := range []int{-1, 0} {
		if _, err := chooseGPU(nil, number); !fault.Is(err, fault.Unavailable) || code(err) != "no_gpu" {
			t.Errorf("no card, number %d: got %v", number, err)
		}
	}
	if _, err := chooseGPU(cards, 3); code(err) != "no_gpu" || !strings.Contains(err.Error(), "number 3") {
		t.Errorf("number 3 of 3: got %v", err)
	}
}

// What the engine process has found is what the worker works with, and what its log says.
func TestSetup(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := zerolog.New(&log)
	logger.Info().EmbedObject(setup{
		Options: Options{Slots: 2, GPU: true, Memory: 900}, GPU: gpu{Number: 1, Name: "card", Total: 1000, Free: 950},
	}).Send()
	for _, want := range []string{`"slots":2`, `"model_memory":900`, `"device":1`, `"device_name":"card"`, `"device_memory":1000`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is missing in %s", want, &log)
		}
	}
	_, r := isolated(t, Options{Slots: 0, Threads: 3})
	if r.o.Slots != 2 || r.o.Threads != 1 || r.process.setup.Options.Slots != 2 {
		t.Errorf("the worker has %+v", r.o)
	}
}
