package webhooktest

import (
	"testing"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/webhook"
)

type world struct{ *Store }

func (world) Owner(*testing.T) uuid.UUID { return uuid.New() }

func (w world) Finish(_ *testing.T, id uuid.UUID, o webhook.Outcome) { w.End(id, o) }

func TestStore_memory(t *testing.T) {
	t.Parallel()
	TestStore(t, func(*testing.T) World { return world{new(Store)} })
}
