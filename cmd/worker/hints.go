package main

import (
	"context"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/kv"
)

// hints tells the steps in work that their transcription may have been canceled or
// deleted. Those that a hint does not reach learn it when they renew their lease.
type hints struct {
	redis *kv.KV
	tell  func(id uuid.UUID)
}

func (h hints) run(ctx context.Context) error {
	for text := range h.redis.Hints(ctx) {
		id, err := uuid.Parse(text)
		if err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Msg("a hint names no transcription")
			continue
		}
		h.tell(id)
	}
	return nil
}
