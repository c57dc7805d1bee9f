package pdf_test

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/transcription/transcriptiontest"
)

// BenchmarkExport exports a transcript of ten hours, ninety thousand words, in every
// format. It reports how much more memory is alive on the way than the transcript takes.
func BenchmarkExport(b *testing.B) {
	tr := transcriptiontest.Long(10 * time.Hour)
	e := transcription.Exporter{Pages: open(b)}
	for _, f := range transcription.Formats() {
		b.Run(f.Name, func(b *testing.B) {
			b.ReportAllocs()
			var w meter
			for b.Loop() {
				if err := e.Write(&w, f, tr, transcription.Layout{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(w.written)/float64(b.N)/1e6, "MB")
			b.ReportMetric(float64(w.most-min(w.least, w.most))/1e6, "live-MB")
		})
	}
}

// meter counts what is written, and looks at the memory from time to time.
type meter struct {
	written, looked int
	least, most     uint64 // bytes that are alive
}

func (m *meter) Write(p []byte) (int, error) {
	if m.least == 0 {
		runtime.GC()
		m.least = live()
	}
	if m.written += len(p); m.written-m.looked > 1<<20 {
		m.looked = m.written
		m.most = max(m.most, live())
	}
	return len(p), nil
}

// live returns how much memory the last collection has found in use.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
