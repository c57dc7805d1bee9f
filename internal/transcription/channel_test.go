package transcription

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// channelPart makes one of a chunk that lasts from start to end, in seconds, all of it
// speech.
func channelPart(channel int, start, end float64, segments ...Segment) Part {
	tile := audio.Piece{Start: audio.Seconds(start), End: audio.Seconds(end), From: audio.Seconds(start), To: audio.Seconds(end)}
	return Part{Piece: tile, Channel: channel, Segments: segments, Speech: []audio.Span{{Start: tile.Start, End: tile.End}}}
}

// Two people who talk at the same time are both kept whole: their segments overlap,
// and neither is cut short by the other.
func TestTranscript_channels(t *testing.T) {
	t.Parallel()
	parts := []Part{
		channelPart(1, 0, 4, seg(0, "hello there."), seg(2*time.Second, "how are you.")),
		channelPart(2, 0, 3, seg(500*time.Millisecond, "hello. there.")),
		channelPart(2, 3, 4, seg(3*time.Second, "fine.")),
	}
	got, coverage := Transcript(parts)
	var lines []string
	for _, s := range got {
		lines = append(lines, s.Speaker+": "+s.Text)
	}
	want := []string{"Speaker 1: hello there.", "Speaker 2: hello.", "Speaker 2: there.", "Speaker 1: how are you.", "Speaker 2: fine."}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if end := got[0].End; end != time.Second {
		t.Errorf("the first sentence ends at %v: it was cut by the other speaker", end)
	}
	if coverage.Speech != 8*time.Second || coverage.Covered != 4*time.Second {
		t.Errorf("speech %v, covered %v", coverage.Speech, coverage.Covered)
	}
	if diff := cmp.Diff([]time.Duration{3 * time.Second}, coverage.Seams); diff != "" {
		t.Errorf("seams: %s", diff)
	}
}

func TestTranscript_mixed(t *testing.T) {
	t.Parallel()
	got, _ := Transcript([]Part{channelPart(0, 0, 4, seg(0, "hello there. how")), channelPart(0, 4, 8, seg(4*time.Second, "are you."))})
	if slices.ContainsFunc(got, func(s Segment) bool { return s.Speaker != "" }) {
		t.Errorf("mixed channels have speakers: %+v", got)
	}
	if got, coverage := Transcript(nil); len(got) != 0 || coverage.Speech != 0 {
		t.Errorf("of nothing: %v, %+v", got, coverage)
	}
}

func TestWarnings_notStereo(t *testing.T) {
	t.Parallel()
	said := seg(0, "hello.")
	spoken := said
	spoken.Speaker = "Speaker 1"
	for _, tt := range []struct {
		split    bool
		segments []Segment
		want     bool
	}{{true, []Segment{said}, true}, {true, []Segment{spoken}, false}, {false, []Segment{said}, false}, {true, nil, false}} {
		w := Warnings(&Transcription{Options: Options{Split: tt.split}}, tt.segments, Coverage{})
		if got := slices.ContainsFunc(w, func(w Warning) bool { return w.Code == "not_stereo" }); got != tt.want {
			t.Errorf("%+v: %v", tt, w)
		}
	}
}
