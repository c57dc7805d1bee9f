package pipelinetest

import (
	"testing"

	"github.com/google/uuid"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	TestStore(t, func(*testing.T) (Store, uuid.UUID) { return NewMemory(), uuid.New() })
}
