//go:build whisper && cgo

package whisper

import (
	"math"
	"math/rand/v2"
	"testing"

	bindings "github.com/ggerganov/whisper.cpp/bindings/go"
)

// softmax returns the probabilities of logits.
func softmax(logits []float32) []float64 {
	p, sum := make([]float64, len(logits)), 0.0
	for i, l := range logits {
		p[i] = math.Exp(float64(l))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

func TestPrune(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 7, 8, 9, 50257} {
		logits := make([]float32, n)
		for i := range logits {
			logits[i] = float32(r.NormFloat64() * 8)
		}
		logits[n/2] = float32(math.Inf(-1)) // ruled out before
		logits[n-1] = 40                    // the best is the last
		before := softmax(logits)
		prune(logits)
		pruned := 0
		for i, after := range softmax(logits) {
			if math.IsInf(float64(logits[i]), -1) {
				pruned++
				if before[i] > 3e-9*before[n-1] {
					t.Fatalf("%d tokens: one with a probability of %g is gone", n, before[i])
				}
				continue
			}
			if math.Abs(after/before[i]-1) > 2e-4 {
				t.Fatalf("%d tokens: a probability of %g became %g", n, before[i], after)
			}
		}
		if n == 50257 && pruned < n/2 {
			t.Errorf("of %d tokens only %d are pruned", n, pruned)
		}
	}
}

// A text that may only end has no token left.
func TestPrune_nothingLeft(t *testing.T) {
	t.Parallel()
	logits := make([]float32, 20)
	for i := range logits {
		logits[i] = float32(math.Inf(-1))
	}
	prune(logits)
	for _, l := range logits {
		if !math.IsInf(float64(l), -1) {
			t.Fatalf("got %g", l)
		}
	}
}

// What is not to be decoded is text, and signs only.
func TestUnspoken(t *testing.T) {
	t.Parallel()
	e := open(t, options(t, 1))
	host, ok := e.host.(*inProcess)
	if !ok {
		t.Fatalf("the engine runs in %T", e.host)
	}
	err := host.with(t.Context(), known(t, "demo.en"), func(w *weights, _ *slot) error {
		if len(w.unspoken) < 10 {
			t.Errorf("%d tokens are not to be decoded", len(w.unspoken))
		}
		for _, id := range w.unspoken {
			if token := w.api().Whisper_token_to_str(bindings.Token(id)); !notSpeech(token) {
				t.Errorf("%q is not to be decoded", token)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
