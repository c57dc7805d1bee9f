//go:build e2e

package e2e

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// truth is what is really said in a recording of the demo model, and when.
type truth struct {
	Segments []struct {
		T0, T1  float64
		Text    string
		Channel int
	}
}

// demo returns a file that comes with the demo model.
func demo(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(demoPath(name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// demoPath returns where that file is.
func demoPath(name string) string {
	return filepath.Join(filepath.Dir(os.Getenv("TS_TEST_MODEL")), "demo", name)
}

// readTruth returns that of a recording named without its ending.
func readTruth(t *testing.T, name string) (said truth) {
	t.Helper()
	if err := json.Unmarshal(demo(t, name+".json"), &said); err != nil {
		t.Fatal(err)
	}
	return said
}

func (s truth) words() (all []string) {
	for _, seg := range s.Segments {
		all = append(all, words(seg.Text)...)
	}
	return all
}

// words returns the words of a text as they are compared.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\''
	})
}

// wordErrors returns how many words have to be replaced, added or taken away to
// get from one text to the other.
func wordErrors(got, want []string) int {
	row := make([]int, len(got)+1)
	for j := range row {
		row[j] = j
	}
	for i, w := range want {
		diagonal := row[0]
		row[0] = i + 1
		for j, g := range got {
			change := diagonal
			if w != g {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(got)]
}

// farthest returns how far, in seconds, the boundary of a sentence is from the
// nearest boundary of a segment, at worst.
func (s truth) farthest(segments []segment) (worst float64) {
	for _, sentence := range s.Segments {
		start, end := math.Inf(1), math.Inf(1)
		for _, seg := range segments {
			start = min(start, math.Abs(seg.Start-sentence.T0))
			end = min(end, math.Abs(seg.End-sentence.T1))
		}
		worst = max(worst, start, end)
	}
	return worst
}

func TestWordErrors(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		got, want string
		errors    int
	}{
		{"a b c", "a b c", 0},
		{"a x c", "a b c", 1},
		{"a c", "a b c", 1},
		{"a b b c", "a b c", 1},
		{"", "a b c", 3},
		{"a b", "", 2},
		{"b c d", "a b c", 2},
		{"A b. C", "a, b c", 0},
	} {
		if n := wordErrors(words(row.got), words(row.want)); n != row.errors {
			t.Errorf("from %q to %q: %d, want %d", row.got, row.want, n, row.errors)
		}
	}
}
