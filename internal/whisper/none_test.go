//go:build !whisper || !cgo

package whisper

import (
	"strings"
	"testing"
)

func TestOpen_notLinked(t *testing.T) {
	t.Parallel()
	for _, isolated := range []bool{true, false} {
		if _, err := Open(t.Context(), Options{Isolated: isolated}); err == nil || !strings.Contains(err.Error(), "-tags whisper") {
			t.Errorf("isolated %v: got %v", isolated, err)
		}
	}
	if _, _, err := openNative(Options{}, nil); err == nil {
		t.Error("there is an engine in a build without one")
	}
}
