package pipeline_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/pipeline/pipelinetest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// uploadSplit puts a stereo recording into the world whose channels are to be kept
// apart.
func (w *world) uploadSplit(t *testing.T, left, right *speech) *transcription.Transcription {
	t.Helper()
	tr := pipelinetest.NewTranscription(t, uuid.New())
	tr.Options.Split = true
	both := make([]int16, 2*max(len(left.pcm), len(right.pcm)))
	for i, s := range left.pcm {
		both[2*i] = s
	}
	for i, s := range right.pcm {
		both[2*i+1] = s
	}
	w.stereo = 2
	w.blobs[tr.File.Key] = audio.Encode(both)
	if err := w.CreateTranscription(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
	return tr
}

// said returns the text of a speaker, and fails when one segment of a speaker reaches
// into the next.
func said(t *testing.T, segments []transcription.Segment, speaker string) string {
	t.Helper()
	var texts []string
	var end time.Duration
	for _, s := range segments {
		if s.Speaker != speaker {
			continue
		}
		if s.Start < end {
			t.Errorf("%q starts before what %s said earlier has ended", s.Text, speaker)
		}
		end = s.End
		texts = append(texts, s.Text)
	}
	return strings.Join(texts, " ")
}

func checkSpeakers(t *testing.T, tr transcription.Transcription, left, right *speech) {
	t.Helper()
	if tr.Status != transcription.Completed {
		t.Fatalf("%s, failure %+v", tr.Status, tr.Failure)
	}
	for speaker, s := range map[string]*speech{"Speaker 1": left, "Speaker 2": right} {
		if diff := cmp.Diff(strings.Fields(s.text()), strings.Fields(said(t, tr.Segments, speaker))); diff != "" {
			t.Errorf("what %s said differs: %s", speaker, diff)
		}
	}
	if !slices.IsSortedFunc(tr.Segments, func(a, b transcription.Segment) int { return int(a.Start - b.Start) }) {
		t.Error("segments are not in order")
	}
}

// Two people talk at the same time, on a channel each, and one of them for longer.
func TestPipeline_channels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	left, right := say(11, 300, 150*time.Millisecond), say(12, 220, 150*time.Millisecond)
	tr := w.uploadSplit(t, left, right)
	w.drain(t, 2)
	checkSpeakers(t, w.Transcription(tr.ID), left, right)
}

// Prepare is begun again and again behind the chunks of both channels.
func TestPipeline_channelsWhenPrepareIsInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quick)
	left, right := say(13, 200, 150*time.Millisecond), say(14, 250, 150*time.Millisecond)
	tr := w.uploadSplit(t, left, right)
	puts := 0
	w.onPut = func(string) error {
		if puts++; puts == 3 || puts == 5 || puts == 9 {
			return errBroken
		}
		return nil
	}
	w.drain(t, 1)
	checkSpeakers(t, w.Transcription(tr.ID), left, right)
	if puts < 9 {
		t.Errorf("only %d chunks were stored: prepare was never interrupted", puts)
	}
}

// A recording whose channels are the same, or nearly, as codecs make them, is not
// transcribed twice, and neither is one that has a single channel.
func TestPipeline_channelsThatAreOne(t *testing.T) {
	t.Parallel()
	one := say(15, 120, 150*time.Millisecond)
	near := &speech{pcm: slices.Clone(one.pcm)}
	for i := range near.pcm {
		near.pcm[i] += int16(i % 3)
	}
	for name, right := range map[string]*speech{"same": one, "near": near, "none": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, quick)
			var tr *transcription.Transcription
			if right == nil {
				tr = pipelinetest.NewTranscription(t, uuid.New())
				tr.Options.Split = true
				w.blobs[tr.File.Key] = audio.Encode(one.pcm)
				if err := w.CreateTranscription(t.Context(), tr); err != nil {
					t.Fatal(err)
				}
			} else {
				tr = w.uploadSplit(t, one, right)
			}
			w.drain(t, 1)
			w.checkText(t, tr, one)
			got := w.Transcription(tr.ID)
			if !slices.ContainsFunc(got.Warnings, func(w transcription.Warning) bool { return w.Code == "not_stereo" }) {
				t.Errorf("warnings %v", got.Warnings)
			}
			if got.Segments[0].Speaker != "" {
				t.Errorf("speaker %q", got.Segments[0].Speaker)
			}
		})
	}
}
