package pipeline

import (
	"context"
	"fmt"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// The language is detected from windows of speech that are spread over the first
// chunk with speech. Whisper's own detection hears only the first window, which is
// often a jingle.
const (
	detectWindows = 3   // of a chunk
	detectChunks  = 3   // heard at most, while it is in doubt
	sureEnough    = 0.5 // of a probability: more than all others together
)

// ballot adds up which language the windows of a recording are in.
type ballot struct {
	sum     map[string]float64
	windows int
	chunks  int // with speech
}

// leader returns the language that is the most probable, and how probable it is;
// empty when nothing was heard.
func (b *ballot) leader() (language string, confidence float64) {
	for lang, p := range b.sum {
		if p > confidence || p == confidence && lang < language {
			language, confidence = lang, p
		}
	}
	return language, confidence / float64(max(b.windows, 1))
}

// decided reports whether it is not worth hearing more.
func (b *ballot) decided() bool {
	_, confidence := b.leader()
	return confidence >= sureEnough || b.chunks >= detectChunks
}

// add counts what a window says about each language. Those that the model does not
// know are left out, and the others share the whole: it would refuse to decode them.
func (b *ballot) add(probs map[string]float64, knows func(language string) bool) {
	var total float64
	for lang, p := range probs {
		if knows(lang) {
			total += p
		}
	}
	if total == 0 {
		return
	}
	if b.sum == nil {
		b.sum = map[string]float64{}
	}
	b.windows++
	for lang, p := range probs {
		if knows(lang) {
			b.sum[lang] += p / total
		}
	}
}

// detect hears some windows of a chunk, unless the language is known already.
func (c *chunker) detect(ctx context.Context, pcm []int16, piece audio.Piece) error {
	if c.src.Language != "" {
		return nil
	}
	windows, _ := audio.Windows(pcm, piece, audio.MaxWindow, nil)
	if len(windows) == 0 {
		return nil
	}
	m, err := c.p.engine.Model(c.src.Model)
	if err != nil {
		return err
	}
	for _, w := range spread(windows) {
		probs, err := c.p.engine.Detect(ctx, c.src.Model, w.PCM(pcm, piece.From))
		if err != nil {
			return fmt.Errorf("detect the language: %w", err)
		}
		c.ballot.add(probs, m.Knows)
	}
	c.ballot.chunks++
	return nil
}

// pin settles the language of the recording on what was heard so far.
func (c *chunker) pin(ctx context.Context) error {
	language, confidence := c.ballot.leader()
	if c.src.Language != "" || language == "" {
		return nil
	}
	c.src.Language, c.src.LanguageConfidence = language, confidence
	return c.p.store.SaveSource(ctx, c.l, c.src)
}

// spread returns at most detectWindows of the windows, spread evenly.
func spread(windows []audio.Window) []audio.Window {
	if len(windows) <= detectWindows {
		return windows
	}
	chosen := make([]audio.Window, detectWindows)
	for i := range chosen {
		chosen[i] = windows[i*(len(windows)-1)/(detectWindows-1)]
	}
	return chosen
}
