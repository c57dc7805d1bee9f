package blob

import (
	"strconv"
	"testing"
)

// The length of a body is not known before it ends, so for every limit the
// 10,000 parts that S3 allows must hold it, each within S3's 5 GiB.
func TestPartSize(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{1, 10e9, 16 << 30, 500e9, 5 << 40} {
		t.Run(strconv.FormatInt(limit, 10), func(t *testing.T) {
			t.Parallel()
			first, room := firstPartSize(defaultPartSize, limit), int64(0)
			for number := 1; number <= maxParts; number++ {
				size := partSize(first, number)
				if size > 5<<30 {
					t.Fatalf("part %d has %d bytes", number, size)
				}
				room += size
			}
			if room < limit {
				t.Errorf("there is room for %d bytes only", room)
			}
		})
	}
	if got := partSize(firstPartSize(defaultPartSize, 10e9), 10_000_000_000/defaultPartSize+1); got != defaultPartSize {
		t.Errorf("the last part of 10 GB has %d bytes, want them all equal", got)
	}
}

// A slow client keeps its part for minutes. When its own and the shared ones were
// taken at random, a handful of slow clients had all that make an upload fast.
func TestNewPart_ownFirst(t *testing.T) {
	t.Parallel()
	s := &Store{partSize: 1, extra: make(chan struct{}, extraParts)}
	for range 100 {
		u := &upload{store: s, first: 1, own: make(chan struct{}, 1)}
		if _, err := u.newPart(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if len(s.extra) > 0 {
			t.Fatal("an upload took a shared part before its own")
		}
	}
}
