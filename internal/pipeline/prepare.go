package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// How chunks are cut.
const (
	shortestChunk = 30 * audio.SampleRate
	chunkOverlap  = 2 * audio.SampleRate
	blockSize     = 1 << 16 // bytes of sound read at a time
)

// prepare finds the sound of a recording, or of a range of it, and cuts it into chunks. Each chunk is
// on its way as soon as it is cut and the language is known, while the rest is still
// being decoded. An
// earlier attempt's chunks are kept, those of an earlier run are taken over, and cutting
// is taken up behind them.
func (p *Pipeline) prepare(ctx context.Context, l Lease) error {
	t, err := p.store.Run(ctx, l.Step.Ref)
	if err != nil {
		return err
	}
	src, err := p.source(t)
	if err != nil {
		return err
	}
	rec, err := p.listen(ctx, t)
	if err != nil {
		return err
	}
	src.Duration, src.Joined = audio.FromDuration(rec.Duration()), rec.Joined()
	if t.Range != nil {
		src.Duration = audio.FromDuration(t.Range.To - t.Range.From)
	}
	err = p.cut(ctx, l, t, src, rec)
	return errors.Join(err, rec.Close())
}

// listen opens the recording.
func (p *Pipeline) listen(ctx context.Context, t *transcription.Transcription) (Recording, error) {
	body, _, err := p.blobs.Open(ctx, t.File.Key)
	if err != nil {
		return nil, missing(fmt.Errorf("open the recording: %w", err))
	}
	channels := 1
	if t.Options.Split {
		channels = 2
	}
	rec, err := p.media.Listen(ctx, body, channels)
	if closeErr := body.Close(); err == nil && closeErr != nil {
		return nil, errors.Join(closeErr, rec.Close())
	}
	return rec, err
}

// missing says what an object that is not there means. NotFound would be taken
// for a run that is over.
func missing(err error) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	return fault.Wrap(err, fault.Invalid, "The recording is no longer stored. Please upload it again.").WithCode("recording_missing")
}

// source chooses the model and, where it is not to be detected, the language.
func (p *Pipeline) source(t *transcription.Transcription) (Source, error) {
	m, err := p.model(t)
	if err != nil {
		return Source{}, err
	}
	src := Source{Model: m.Name, Language: t.Language, LanguageConfidence: t.LanguageConfidence}
	switch {
	case t.Options.Language != "":
		src.Language, src.LanguageConfidence = t.Options.Language, 1
	case !m.Multilingual:
		src.Language, src.LanguageConfidence = "en", 1
	}
	return src, nil
}

// model returns the model of the run: that which an earlier attempt has chosen, since
// its chunks are being transcribed with it, also when another would be chosen by now.
func (p *Pipeline) model(t *transcription.Transcription) (transcription.Model, error) {
	if t.Model != "" {
		return p.engine.Model(t.Model)
	}
	return p.engine.Choose(t.Options)
}

// cut reads the recording to its end and records the chunks.
func (p *Pipeline) cut(ctx context.Context, l Lease, t *transcription.Transcription, src Source, sound Recording) error {
	if err := p.store.SaveSource(ctx, l, src); err != nil {
		return err
	}
	if err := p.adopt(ctx, l, t, src); err != nil {
		return err
	}
	done, err := p.store.Chunks(ctx, l.Step.Ref)
	if err != nil {
		return err
	}
	c := &chunker{
		p: p, l: l, t: t, src: src, next: len(done), peaks: audio.NewPeaks(sound.Channels()),
		tracks: tracks(sound.Channels(), p.cutOptions(src.Duration), reachOf(t), done),
	}
	if err := c.read(ctx, sound); err != nil {
		return err
	}
	if err := c.keepPeaks(ctx); err != nil {
		return err
	}
	c.src.Duration, c.src.Missing, c.src.Chunks = c.tracks[0].cutter.Total()-c.tracks[0].reach.Start, audio.FromDuration(sound.Missing()), c.next
	return p.store.FinishPrepare(ctx, l, c.src)
}

// cutOptions aims at chunks short enough for several workers to share a short
// recording, and long enough for a long one not to drown the queue.
func (p *Pipeline) cutOptions(total audio.Samples) audio.CutOptions {
	target := p.o.Chunk
	if total > 0 {
		target = min(max(total/4, shortestChunk), p.o.Chunk)
	}
	target -= target % audio.FrameSize
	return audio.CutOptions{Min: target / 2, Max: target, Overlap: chunkOverlap, Window: windowSize}
}

// chunker turns the sound of one recording into chunks.
type chunker struct {
	p        *Pipeline
	l        Lease
	t        *transcription.Transcription
	src      Source
	tracks   []*track
	peaks    *audio.Peaks
	sameness sameness
	next     int // index of the next chunk
	ballot   ballot
	held     []Chunk // stored, but not on their way yet
	released time.Time
}

// add stores a piece of a track as a chunk that is held.
func (c *chunker) add(ctx context.Context, f found) error {
	pcm := f.sound(f.Piece)
	if err := c.detect(ctx, pcm, f.Piece); err != nil {
		return err
	}
	chunk := Chunk{Ref: c.l.Step.Ref, Index: c.next, Channel: f.channel, Piece: f.Piece, Cut: cutOf(c.t.Options), Key: chunkKey(c.t, c.next, c.l)}
	if err := c.p.blobs.Put(ctx, chunk.Key, audio.Encode(pcm)); err != nil {
		return fmt.Errorf("store chunk %d: %w", chunk.Index, err)
	}
	c.next++
	c.held = append(c.held, chunk)
	return nil
}

// release sends the chunks that are held on their way, unless their language is in doubt
// or others have just gone: then they go with the next, or at the end, since many cost
// little more than one.
func (c *chunker) release(ctx context.Context) error {
	doubt := c.src.Language == "" && !c.ballot.decided()
	if len(c.held) == 0 || doubt || time.Since(c.released) < c.p.o.Hold {
		return nil
	}
	if err := c.record(ctx); err != nil {
		return err
	}
	c.p.fillUp(ctx)
	c.released = time.Now()
	return nil
}

// record records the chunks that are held, now that their language is known.
func (c *chunker) record(ctx context.Context) error {
	if err := c.pin(ctx); err != nil {
		return err
	}
	if err := c.p.store.AddChunks(ctx, c.l, c.held...); err != nil {
		return fmt.Errorf("record %d chunks up to %d: %w", len(c.held), c.next-1, err)
	}
	c.held = c.held[:0]
	return nil
}

// keepPeaks stores the outline of the recording. The lease is part of its key, as in those
// of chunks: only whoever still holds it makes it the one that counts. That of a range is
// part of what is there already.
func (c *chunker) keepPeaks(ctx context.Context) error {
	if c.t.Range != nil {
		return nil
	}
	c.peaks.Flush()
	key := fmt.Sprintf("%speaks/%d/%s.dat", transcription.Prefix(c.t.OwnerID, c.t.ID), c.t.Run, c.l.Token)
	if err := c.p.blobs.Put(ctx, key, c.peaks.Encode()); err != nil {
		return fmt.Errorf("store the outline: %w", err)
	}
	c.src.Peaks = key
	return nil
}

// chunkKey returns where a chunk's sound is kept. The run and the lease are part of
// it: storage knows no fencing, and what a worker that was frozen stores after all
// must not replace what its successor has cut.
func chunkKey(t *transcription.Transcription, index int, l Lease) string {
	return fmt.Sprintf("%schunks/%d/%05d-%s.s16", transcription.Prefix(t.OwnerID, t.ID), t.Run, index, l.Token)
}
