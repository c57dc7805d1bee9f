package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// windowSize is the longest window that is decoded, a little less than Whisper
// hears at once, so that the last time stamp has room.
const windowSize = audio.MaxWindow - audio.SampleRate/2

// decode turns the sound of a chunk into segments. Its windows are decoded side by
// side, and no text is carried from one to the next.
func (p *Pipeline) decode(ctx context.Context, t *transcription.Transcription, c Chunk, pcm []int16) (ChunkResult, error) {
	m, err := p.engine.Model(t.Model)
	if err != nil {
		return ChunkResult{}, err
	}
	d := &decoder{
		p: p, chunk: c, pcm: pcm, model: m.Name,
		o: DecodeOptions{Language: t.Language, Prompt: t.Options.Prompt, Translate: t.Options.Translate},
	}
	made, err := p.made(d.model, d.o)
	if err != nil {
		return ChunkResult{}, err
	}
	weights, err := p.engine.Checksum(d.model)
	if err != nil {
		return ChunkResult{}, err
	}
	heard, err := p.heard(ctx, c, pcm)
	if err != nil {
		return ChunkResult{}, fmt.Errorf("detect speech: %w", err)
	}
	windows, speech := audio.Windows(pcm, c.Piece, windowSize, heard)
	parts, err := d.decode(ctx, windows)
	if err != nil {
		return ChunkResult{}, err
	}
	segments := transcription.Merge(parts)
	gaps := transcription.Cover([]transcription.Part{{Piece: c.Piece, Speech: speech}}, segments).Gaps
	if segments, err = d.fill(ctx, segments, besideWords(gaps, parts)); err != nil {
		return ChunkResult{}, err
	}
	return ChunkResult{Chunk: c, Segments: segments, Speech: speech, Decoded: d.decoded, Elapsed: d.elapsed, Made: made, Weights: weights}, nil
}

// heard returns where the engine hears speech in a chunk, on the recording's time line;
// nil when it has no ear of its own.
func (p *Pipeline) heard(ctx context.Context, c Chunk, pcm []int16) ([]audio.Span, error) {
	if err := p.slots.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer p.slots.Release(1)
	spans, ok, err := p.engine.Speech(ctx, pcm)
	if err != nil || !ok {
		return nil, err
	}
	heard := make([]audio.Span, len(spans))
	for i, s := range spans {
		heard[i] = audio.Span{Start: s.Start + c.From, End: s.End + c.From}
	}
	return heard, nil
}

// decoder decodes windows of one chunk, and counts what that costs.
type decoder struct {
	p     *Pipeline
	chunk Chunk
	pcm   []int16
	model string
	o     DecodeOptions

	decoded audio.Samples
	elapsed time.Duration
}

// decode returns what is said in each window. The time that counts is that on a slot:
// all chunks of a worker wait for the same ones.
func (d *decoder) decode(ctx context.Context, windows []audio.Window) ([]transcription.Part, error) {
	parts := make([]transcription.Part, len(windows))
	took := make([]time.Duration, len(windows))
	g, ctx := errgroup.WithContext(ctx)
	for i, w := range windows {
		g.Go(func() error {
			if err := d.p.slots.Acquire(ctx, 1); err != nil {
				return err
			}
			defer d.p.slots.Release(1)
			begun := time.Now()
			found, err := d.p.engine.Decode(ctx, d.model, d.o, w.PCM(d.pcm, d.chunk.From))
			took[i] = time.Since(begun)
			parts[i] = transcription.Part{Piece: w.Piece(), Segments: place(found, w)}
			if err == nil {
				count(ctx, w.End-w.Start)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, w := range windows {
		d.decoded += w.Len()
		d.elapsed += took[i]
	}
	return parts, nil
}

// place moves the segments of a window to the recording's time line, and keeps
// what belongs to it: the rest is in the next window, too.
func place(found []transcription.Segment, w audio.Window) []transcription.Segment {
	origin := func(d time.Duration) time.Duration {
		return w.Origin(audio.FromDuration(d)).Duration().Round(time.Millisecond)
	}
	var kept []transcription.Segment
	for _, s := range found {
		s.Start, s.End = origin(s.Start), origin(s.End)
		words := slices.Clone(s.Words)
		for i := range words {
			words[i].Start, words[i].End = origin(words[i].Start), origin(words[i].End)
		}
		s.Words = words
		if s, ok := s.Of(w.Piece()); ok {
			kept = append(kept, s)
		}
	}
	return kept
}

// gapMargin is how much of the sound around a gap is decoded with it: the window is
// another than the one in which nothing was heard, and words at its edges are whole.
const gapMargin = audio.SampleRate / 2

// believable is the least confidence of what is heard only the second time.
const believable = 0.5

// besideWords returns those of the gaps that lie in a window with words. In a window
// without any there is most likely nobody who speaks: out of an hour of loud noise
// a second look made a word.
func besideWords(gaps []transcription.Gap, parts []transcription.Part) []transcription.Gap {
	return slices.DeleteFunc(gaps, func(g transcription.Gap) bool {
		return !slices.ContainsFunc(parts, func(p transcription.Part) bool {
			return len(p.Segments) > 0 && p.Start.Duration() < g.End && g.Start < p.End.Duration()
		})
	})
}

// fill decodes once more, as windows of their own, the gaps in which there is speech
// but no word: Whisper sometimes passes over a stretch that it hears well when it
// begins there. What it is not sure of then is not taken: a gap may be noise, which
// is nobody's words, and stays one.
func (d *decoder) fill(ctx context.Context, segments []transcription.Segment, gaps []transcription.Gap) ([]transcription.Segment, error) {
	for _, gap := range gaps {
		parts, err := d.decode(ctx, d.around(gap))
		if err != nil {
			return nil, err
		}
		var found []transcription.Segment
		for _, s := range transcription.Merge(parts) {
			if s, ok := s.Within(gap.Start, gap.End); ok && !s.Suspect && s.Confidence >= believable {
				found = append(found, s)
			}
		}
		segments = transcription.Fill(segments, gap, found)
	}
	return segments, nil
}

// around returns the windows of a gap: none where nothing stands out from the gap's
// own background.
func (d *decoder) around(gap transcription.Gap) []audio.Window {
	p := audio.Piece{Start: audio.FromDuration(gap.Start), End: audio.FromDuration(gap.End)}
	p.From, p.To = max(p.Start, d.chunk.From), min(p.End, d.chunk.To)
	if _, speech := audio.Windows(d.of(p), p, windowSize, nil); len(speech) == 0 {
		return nil
	}
	p.From, p.To = max(p.From-gapMargin, d.chunk.From), min(p.To+gapMargin, d.chunk.To)
	if p.Len() <= windowSize {
		return []audio.Window{{Start: p.Start, End: p.End, Parts: []audio.Part{{Span: audio.Span{Start: p.From, End: p.To}}}}}
	}
	windows, _ := audio.Windows(d.of(p), p, windowSize, nil)
	return windows
}

// of returns the sound of a piece of the chunk.
func (d *decoder) of(p audio.Piece) []int16 { return d.pcm[p.From-d.chunk.From : p.To-d.chunk.From] }
