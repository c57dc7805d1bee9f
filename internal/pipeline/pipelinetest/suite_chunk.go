package pipelinetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
)

func testSameChunk(t *testing.T, b *bench) {
	ref := b.create(t)
	l := b.claim(t, long)
	must(t, b.SaveSource(t.Context(), l, source))
	for range 2 {
		must(t, b.AddChunks(t.Context(), l, b.chunk(ref, 0)))
	}
	chunks, err := b.Chunks(t.Context(), ref)
	must(t, err)
	if diff := cmp.Diff(chunks, []pipeline.Chunk{b.chunk(ref, 0)}); diff != "" {
		t.Error(diff)
	}
	got, err := b.Chunk(t.Context(), ref, 0)
	must(t, err)
	if diff := cmp.Diff(got, b.chunk(ref, 0)); diff != "" {
		t.Error(diff)
	}
	if _, err := b.Chunk(t.Context(), ref, 1); !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v for a chunk that is not cut, want NotFound", err)
	}
	if steps := b.dispatch(t, 100); len(steps) != 1 {
		t.Errorf("got %v, want one", steps)
	}
}

func testHole(t *testing.T, b *bench) {
	ref := b.create(t)
	l := b.claim(t, long)
	must(t, b.SaveSource(t.Context(), l, source))
	must(t, b.AddChunks(t.Context(), l, b.chunk(ref, 0)))
	all := source
	all.Chunks = 2
	for what, err := range map[string]error{
		"chunk 2 behind chunk 0": b.AddChunks(t.Context(), l, b.chunk(ref, 2)),
		"1 of 2 chunks":          b.FinishPrepare(t.Context(), l, all),
	} {
		if err == nil || fault.Permanent(err) {
			t.Errorf("%s: got %v, want a reason to try again", what, err)
		}
	}
	found, err := b.Chunks(t.Context(), ref)
	must(t, err)
	if len(found) != 1 {
		t.Errorf("got %d chunks, want the first", len(found))
	}
	must(t, b.AddChunks(t.Context(), l, b.chunk(ref, 0), b.chunk(ref, 1)))
	must(t, b.FinishPrepare(t.Context(), l, all))
}
