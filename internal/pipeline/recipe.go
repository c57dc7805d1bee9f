package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// The versions of how chunks are cut and of how they are turned into segments. Raise
// one when the same recording would be cut, or the same sound decoded, in another way
// that a later run must not mix with the earlier.
const (
	cutVersion    = "1"
	decodeVersion = "2"
)

// Recipe says how chunks are made. What an earlier run has made by the same one is
// as good as made now.
type Recipe struct {
	Cut  string // of the recording
	Made string // of the sound of a chunk
}

// cutOf returns how a recording is cut. Where does not matter: any cuts tile it.
func cutOf(o transcription.Options) string {
	if o.Split {
		return cutVersion + " split"
	}
	return cutVersion + " mix"
}

// made returns how a chunk becomes segments.
func (p *Pipeline) made(model string, o DecodeOptions) (string, error) {
	id, err := p.engine.Identity(model)
	if err != nil {
		return "", err
	}
	var all []byte
	for _, part := range []string{decodeVersion, id, model, o.Language, o.Prompt, strconv.FormatBool(o.Translate)} {
		all = fmt.Appendf(all, "%d %s\n", len(part), part)
	}
	sum := sha256.Sum256(all)
	return hex.EncodeToString(sum[:]), nil
}

// adopt takes over what earlier runs have done. While the language is not known, which
// is so when it is to be detected anew, nothing fits.
func (p *Pipeline) adopt(ctx context.Context, l Lease, t *transcription.Transcription, src Source) error {
	if t.Run <= 1 || src.Language == "" {
		return nil
	}
	made, err := p.made(src.Model, DecodeOptions{Language: src.Language, Prompt: t.Options.Prompt, Translate: t.Options.Translate})
	if err != nil {
		return err
	}
	if err := p.store.Adopt(ctx, l, Recipe{Cut: cutOf(t.Options), Made: made}); err != nil {
		return fmt.Errorf("adopt chunks: %w", err)
	}
	p.advance(ctx, l.Step.Ref)
	return nil
}
