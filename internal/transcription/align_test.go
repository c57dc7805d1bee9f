package transcription

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestAlign(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want []int
	}{
		{"", "", nil},
		{"a b c", "a b c", []int{0, 1, 2}},
		{"a b c", "", []int{-1, -1, -1}},
		{"", "a b", nil},
		{"a b c", "a x c", []int{0, -1, 2}},
		{"a b c", "b c d", []int{-1, 0, 1}},
		{"a b c a b b a", "c b a b a c", []int{-1, 1, -1, 2, 3, -1, 4}},
		{"the cat sat", "the big cat sat down", []int{0, 2, 3}},
	} {
		got := align(strings.Fields(tt.a), strings.Fields(tt.b))
		if matches(got) != matches(tt.want) || !valid(strings.Fields(tt.a), strings.Fields(tt.b), got) {
			t.Errorf("%q and %q: got %v, want as many as in %v", tt.a, tt.b, got, tt.want)
		}
	}
}

func matches(to []int) (n int) {
	for _, j := range to {
		if j >= 0 {
			n++
		}
	}
	return n
}

// valid reports whether an alignment goes forward and matches only what is equal.
func valid(a, b []string, to []int) bool {
	last := -1
	for i, j := range to {
		if j < 0 {
			continue
		}
		if j <= last || a[i] != b[j] {
			return false
		}
		last = j
	}
	return len(to) == len(a)
}

// longest returns how many elements two lists have in common, in order.
func longest(a, b []string) int {
	row := make([]int, len(b)+1)
	for _, v := range a {
		diagonal := 0
		for j, w := range b {
			above := row[j+1]
			row[j+1] = max(above, row[j])
			if v == w {
				row[j+1] = diagonal + 1
			}
			diagonal = above
		}
	}
	return row[len(b)]
}

// TestAlign_asManyAsThereAre compares random lists with the textbook's slow way.
func TestAlign_asManyAsThereAre(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	list := func() []string {
		l := make([]string, rnd.IntN(60))
		for i := range l {
			l[i] = string(rune('a' + rnd.IntN(1+rnd.IntN(8))))
		}
		return l
	}
	for range 2000 {
		a, b := list(), list()
		if got := align(a, b); !valid(a, b, got) || matches(got) != longest(a, b) {
			t.Fatalf("%v and %v: %v, %d instead of %d", a, b, got, matches(got), longest(a, b))
		}
	}
}

// TestAlign_many has far more differences than the search for the shortest edit script may take.
func TestAlign_many(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	a := make([]string, 60_000)
	for i := range a {
		a[i] = string(rune('a'+rnd.IntN(20))) + string(rune('a'+rnd.IntN(20))) + string(rune(0x4e00+rnd.IntN(2000)))
	}
	b := slices.Clone(a)
	for i := range b {
		if rnd.IntN(10) == 0 {
			b[i] = "new"
		}
	}
	got := align(a, b)
	if same := matches(got); !valid(a, b, got) || same < len(a)*85/100 {
		t.Errorf("only %d of %d are matched", same, len(a))
	}
	if got := align(a, slices.Repeat([]string{"x"}, 100_000)); matches(got) > 0 {
		t.Errorf("%d matches of nothing", matches(got))
	}
}
