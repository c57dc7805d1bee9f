package blob_test

import (
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/blob/blobtest"
)

// BenchmarkUpload streams 512 MiB and reports the highest heap seen on the way.
func BenchmarkUpload(b *testing.B) {
	s := blobtest.Open(b)
	block := randomBytes(1 << 20)
	const size = 512 << 20
	b.SetBytes(size)
	stop, peak := watchHeap()
	for b.Loop() {
		left := size
		r := readerFunc(func(p []byte) (int, error) {
			if left == 0 {
				return 0, io.EOF
			}
			n := copy(p, block[:min(left, len(block))])
			left -= n
			return n, nil
		})
		if _, err := s.Upload(b.Context(), "bench", r, size); err != nil {
			b.Fatal(err)
		}
	}
	close(stop)
	b.ReportMetric(float64(<-peak)/(1<<20), "peak-heap-MiB")
}

// watchHeap samples the heap in use until stop is closed and then yields its peak.
func watchHeap() (stop chan struct{}, peak chan uint64) {
	stop, peak = make(chan struct{}), make(chan uint64, 1)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		var highest uint64
		for {
			select {
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				highest = max(highest, m.HeapInuse)
			case <-stop:
				peak <- highest
				return
			}
		}
	}()
	return stop, peak
}
