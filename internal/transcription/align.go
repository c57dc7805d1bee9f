package transcription

import "slices"

// maxDifferences bounds what the search for the shortest edit script costs: it grows with
// the square of the differences.
const maxDifferences = 500

// align matches elements of two lists that are equal, in order, as many as it can: of
// each element of a it returns the index in b, −1 for none. It searches for the shortest
// edit script (Myers, An O(ND) Difference Algorithm, 1986). Where there are too many
// differences for that, what occurs once in both lists is matched first, and what lies
// between by itself.
func align(a, b []string) []int {
	x := &alignment{a: a, b: b, to: make([]int, len(a))}
	for i := range x.to {
		x.to[i] = -1
	}
	x.match(box{0, len(a), 0, len(b)})
	return x.to
}

type alignment struct {
	a, b []string
	to   []int
}

// box is what is still to be matched: a[a0:a1] with b[b0:b1].
type box struct{ a0, a1, b0, b1 int }

func (x *alignment) match(s box) {
	for s.a0 < s.a1 && s.b0 < s.b1 && x.a[s.a0] == x.b[s.b0] {
		x.to[s.a0] = s.b0
		s.a0++
		s.b0++
	}
	for s.a0 < s.a1 && s.b0 < s.b1 && x.a[s.a1-1] == x.b[s.b1-1] {
		s.a1--
		s.b1--
		x.to[s.a1] = s.b1
	}
	if s.a0 == s.a1 || s.b0 == s.b1 || x.shortest(s) {
		return
	}
	at := s
	for _, anchor := range x.anchors(s) {
		x.to[anchor.a] = anchor.b
		x.match(box{at.a0, anchor.a, at.b0, anchor.b})
		at.a0, at.b0 = anchor.a+1, anchor.b+1
	}
	if at != s {
		x.match(at)
	}
}

// shortest matches a box by its shortest edit script, and reports whether that has no
// more than maxDifferences.
func (x *alignment) shortest(s box) bool {
	n, m := s.a1-s.a0, s.b1-s.b0
	most := min(n+m, maxDifferences)
	far := make([]int, 2*most+3) // by diagonal: how far one gets in a with d differences
	var trace [][]int
	for d := 0; d <= most; d++ {
		trace = append(trace, slices.Clone(far[most+1-d:most+2+d]))
		for k := -d; k <= d; k += 2 {
			i := far[most+1+k-1] + 1
			if k == -d || k < d && far[most+1+k-1] < far[most+1+k+1] {
				i = far[most+1+k+1]
			}
			for i < n && i-k < m && x.a[s.a0+i] == x.b[s.b0+i-k] {
				i++
			}
			far[most+1+k] = i
			if i >= n && i-k >= m {
				x.follow(s, trace)
				return true
			}
		}
	}
	return false
}

// follow walks an edit script back to its beginning, and matches what it leaves as it is.
// Of each d, trace has how far d-1 differences get on the diagonals −d to d.
func (x *alignment) follow(s box, trace [][]int) {
	i, j := s.a1-s.a0, s.b1-s.b0
	for d := len(trace) - 1; d > 0; d-- {
		k := i - j
		before := func(k int) int { return trace[d][k+d] }
		from := k - 1
		if k == -d || k < d && before(k-1) < before(k+1) {
			from = k + 1
		}
		start := before(from)
		edited := start // behind the one difference
		if from < k {
			edited++
		}
		for i > edited {
			i--
			j--
			x.to[s.a0+i] = s.b0 + j
		}
		i, j = start, start-from
	}
	for i > 0 {
		i--
		x.to[s.a0+i] = s.b0 + i
	}
}

// anchor is a pair of elements that belong together.
type anchor struct{ a, b int }

// anchors returns pairs of what occurs once in both sides of a box, in the order of both.
func (x *alignment) anchors(s box) []anchor {
	once := func(list []string, from int) map[string]int {
		at := map[string]int{}
		for i, v := range list {
			if _, twice := at[v]; twice {
				at[v] = -1
				continue
			}
			at[v] = from + i
		}
		return at
	}
	inA, inB := once(x.a[s.a0:s.a1], s.a0), once(x.b[s.b0:s.b1], s.b0)
	var pairs []anchor
	for i := s.a0; i < s.a1; i++ {
		if j, ok := inB[x.a[i]]; ok && j >= 0 && inA[x.a[i]] == i {
			pairs = append(pairs, anchor{i, j})
		}
	}
	return rising(pairs)
}

// rising returns the longest part of the pairs, which are in the order of a, that is in
// the order of b as well.
func rising(pairs []anchor) []anchor {
	var tails []int // of each length, the last pair of the sequence that ends first in b
	before := make([]int, len(pairs))
	for i, p := range pairs {
		n, _ := slices.BinarySearchFunc(tails, p.b, func(t, b int) int { return pairs[t].b - b })
		if before[i] = -1; n > 0 {
			before[i] = tails[n-1]
		}
		tails = append(tails[:n], append([]int{i}, tails[min(n+1, len(tails)):]...)...)
	}
	if len(tails) == 0 {
		return nil
	}
	found := make([]anchor, len(tails))
	for at, i := tails[len(tails)-1], len(tails)-1; i >= 0; i-- {
		found[i], at = pairs[at], before[at]
	}
	return found
}
