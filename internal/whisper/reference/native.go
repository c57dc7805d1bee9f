//go:build whisper && cgo

package reference

/*
#cgo LDFLAGS: -lwhisper -lggml -lggml-base
#include <ggml.h>
#include <whisper.h>
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	bindings "github.com/ggerganov/whisper.cpp/bindings/go"
	api "github.com/ggerganov/whisper.cpp/bindings/go/pkg/whisper"

	"github.com/turboscribe/turboscribe/internal/whisper"
)

// Decoder is a loaded model. It decodes one recording at a time: the bindings
// share a state among all users of a model.
type Decoder struct {
	o       Options
	library *whisper.Engine   // has loaded ggml's backends, which the bindings cannot
	model   api.Model         // for one processor
	context *bindings.Context // for several: only the low level has them
}

// Open loads the model.
func Open(ctx context.Context, o Options) (d *Decoder, err error) {
	engine, err := whisper.Open(ctx, whisper.Options{ModelDir: filepath.Dir(o.Model), BackendDir: o.BackendDir})
	if err != nil {
		return nil, err
	}
	d = &Decoder{o: o, library: engine}
	if o.Processors > 1 {
		d.context = bindings.Whisper_init(o.Model)
	} else {
		d.model, err = api.New(o.Model)
	}
	if d.context == nil && d.model == nil {
		return nil, errors.Join(fmt.Errorf("the bindings do not load %s", o.Model), err, engine.Close())
	}
	return d, nil
}

// Decode returns the text of a recording: 16 kHz mono samples from -1 to 1, some.
func (d *Decoder) Decode(samples []float32) (string, error) {
	if d.context != nil {
		return d.parallel(samples)
	}
	return d.sequential(samples)
}

// sequential is what the bindings' own documentation shows.
func (d *Decoder) sequential(samples []float32) (string, error) {
	c, err := d.model.NewContext()
	if err != nil {
		return "", fmt.Errorf("make a context: %w", err)
	}
	c.SetThreads(uint(d.o.Threads))
	c.SetMaxContext(0)
	if err := c.Process(samples, nil, nil, nil); err != nil {
		return "", fmt.Errorf("process %d samples: %w", len(samples), err)
	}
	var segments []string
	for {
		s, err := c.NextSegment()
		if errors.Is(err, io.EOF) {
			return join(segments), nil
		}
		if err != nil {
			return "", fmt.Errorf("read segment %d: %w", len(segments), err)
		}
		segments = append(segments, s.Text)
	}
}

func (d *Decoder) parallel(samples []float32) (string, error) {
	p := d.context.Whisper_full_default_params(bindings.SAMPLING_GREEDY)
	p.SetPrintProgress(false)
	p.SetPrintRealtime(false)
	p.SetPrintTimestamps(false)
	p.SetNoContext(true)
	p.SetMaxContext(0)
	p.SetThreads(d.o.Threads)
	if err := d.context.Whisper_full_parallel(p, samples, d.o.Processors, nil, nil); err != nil {
		return "", fmt.Errorf("process %d samples in %d parts: %w", len(samples), d.o.Processors, err)
	}
	segments := make([]string, d.context.Whisper_full_n_segments())
	for i := range segments {
		segments[i] = d.context.Whisper_full_get_segment_text(i)
	}
	return join(segments), nil
}

// Library returns the versions of what is linked.
func (d *Decoder) Library() Library {
	return Library{
		Whisper:  C.GoString(C.whisper_version()),
		GGML:     C.GoString(C.ggml_version()),
		Features: bindings.Whisper_print_system_info(),
	}
}

// Close frees the model.
func (d *Decoder) Close() error {
	var err error
	if d.model != nil {
		err = d.model.Close()
	}
	if d.context != nil {
		d.context.Whisper_free()
	}
	return errors.Join(err, d.library.Close())
}
