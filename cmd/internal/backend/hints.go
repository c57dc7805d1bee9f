package backend

import (
	"context"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
)

// Hints returns what passes on the ids that are published until its context ends: to the
// steps in work those of what may have been canceled or deleted, to who follows them
// those of what may have changed. Whom a hint does not reach finds out by looking, later.
func Hints(listen func(ctx context.Context) <-chan string, tell func(id uuid.UUID)) func(context.Context) error {
	return func(ctx context.Context) error {
		for text := range listen(ctx) {
			id, err := uuid.Parse(text)
			if err != nil {
				zerolog.Ctx(ctx).Warn().Err(err).Msg("a hint names no transcription")
				continue
			}
			tell(id)
		}
		return nil
	}
}
