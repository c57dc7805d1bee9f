package main

import (
	"slices"
	"testing"
)

func TestSpare(t *testing.T) {
	t.Parallel()
	sizes := map[string]int64{"tiny": 75, "small": 480, "large-v3": 3095}
	for _, tt := range []struct {
		backlog int64
		gpu     bool
		want    []string
	}{
		{600, false, []string{"small", "tiny"}},
		{480, false, []string{"small", "tiny"}},
		{0, false, nil},
		{600, true, nil},
	} {
		if got := spare(sizes, tt.backlog, tt.gpu); !slices.Equal(got, tt.want) {
			t.Errorf("%d, GPU %v: got %q, want %q", tt.backlog, tt.gpu, got, tt.want)
		}
	}
}
