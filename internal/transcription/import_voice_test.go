package transcription_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// call returns what two people say, each on a channel.
func call() []transcription.Segment {
	segments := talking("Good afternoon, this is support.", "How can I help you?", "Hello, my order is late.", "Remember: I paid for it.", "One moment.")
	for i, n := range []int{1, 1, 2, 2, 1} {
		segments[i].Speaker = fmt.Sprint("Speaker ", n)
	}
	return segments
}

// exported returns a text in a format.
func exported(t *testing.T, segments []transcription.Segment, format string) []byte {
	t.Helper()
	return write(t, &transcription.Transcription{Segments: segments, File: transcription.File{Name: "call"}}, format, transcription.Layout{})
}

// turns returns who says what, one behind the other.
func turns(segments []transcription.Segment) (found []string) {
	for i, s := range segments {
		if i > 0 && s.Speaker == segments[i-1].Speaker {
			found[len(found)-1] += " " + s.Text
			continue
		}
		found = append(found, s.Speaker+": "+s.Text)
	}
	return found
}

// The speakers of an export that came back as a new text were words or nobody.
func TestUpload_speakers(t *testing.T) {
	t.Parallel()
	named := call()
	for i := range named {
		named[i].Speaker = map[string]string{"Speaker 1": "Dr. Ann Lee", "Speaker 2": "王小明"}[named[i].Speaker]
	}
	for name, segments := range map[string][]transcription.Segment{"channels": call(), "names": named, "one": call()[:2]} {
		for _, format := range []string{"srt", "vtt", "txt", "docx", "json"} {
			t.Run(name+" "+format, func(t *testing.T) {
				t.Parallel()
				b := setup()
				made, err := b.Upload(t.Context(), b.who, written(format, string(exported(t, segments, format))))
				if err != nil {
					t.Fatal(err)
				}
				got, err := b.Transcription(t.Context(), b.who, made.ID)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(turns(segments), turns(got.Segments)); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			})
		}
	}
}

func TestUpload_speakersOfOthers(t *testing.T) {
	t.Parallel()
	const cue = "00:00:0%d,000 --> 00:00:0%d,000\n%s\n\n"
	srt := func(texts ...string) string {
		var b strings.Builder
		for i, text := range texts {
			fmt.Fprintf(&b, cue, i, i+1, text)
		}
		return b.String()
	}
	for name, tt := range map[string]struct {
		format, file string
		want         []string
	}{
		"words":            {"srt", srt("Today two things.", "Remember: do it.", "Remember: do it."), []string{": Today two things. Remember: do it. Remember: do it."}},
		"a title":          {"srt", srt("Chapter one: The sea.", "It is wide."), []string{": Chapter one: The sea. It is wide."}},
		"labels":           {"srt", srt("Ann: Hi.", "So.", "Bob: Yes.", "Ann: Well: no."), []string{"Ann: Hi. So.", "Bob: Yes.", "Ann: Well: no."}},
		"words in labels":  {"srt", srt("Ann: Hi.", "Bob: Yes.", "Remember: so.", "Why?", "Ann: No.", "Well: yes.", "Bob: So."), []string{"Ann: Hi.", "Bob: Yes. Remember: so. Why?", "Ann: No. Well: yes.", "Bob: So."}},
		"each once":        {"txt", "Ann: Hi.\n\nBob: Yes.\n", []string{"Ann: Hi.", "Bob: Yes."}},
		"a voice ends":     {"vtt", "WEBVTT\n\n00:01.000 --> 00:03.000\n<v.loud Ann>One.</v> Two.\n<v Bob &amp; Co>Three.\n\n00:04.000 --> 00:05.000\nFour.\n", []string{"Ann: One.", ": Two.", "Bob & Co: Three.", ": Four."}},
		"no voices":        {"vtt", "WEBVTT\n\n00:01.000 --> 00:03.000\nSpeaker 2: One.\n\n00:04.000 --> 00:05.000\nTwo.\n", []string{"Speaker 2: One. Two."}},
		"words and voices": {"vtt", "WEBVTT\n\n00:01.000 --> 00:03.000\n<v Ann>Speaker 2: One.\n", []string{"Ann: Speaker 2: One."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup()
			made, err := b.Upload(t.Context(), b.who, written(tt.format, tt.file))
			if err != nil {
				t.Fatal(err)
			}
			got, err := b.Transcription(t.Context(), b.who, made.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, turns(got.Segments)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// A name that was changed in an export became words, or stayed as it was.
func TestService_Import_renamed(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"srt", "vtt", "txt", "docx"} {
		for name, change := range map[string]func(segments []transcription.Segment) int{
			"all of one":         func(s []transcription.Segment) int { return rename(s, "Speaker 1", "Sarah") },
			"who says one thing": func(s []transcription.Segment) int { return rename(s, "Speaker 2", "Sarah Müller") },
			"one turn":           func(s []transcription.Segment) int { return rename(s[4:], "Speaker 1", "Sarah") },
			"and more": func(s []transcription.Segment) int {
				s[2].Text, s[2].Words = "So hello, my order is late.", nil
				return rename(s, "Speaker 2", "Bob")
			},
		} {
			t.Run(format+" "+name, func(t *testing.T) {
				t.Parallel()
				b := setup()
				id := b.completed(call())
				want := call()
				change(want)
				got, err := b.Import(t.Context(), b.who, id, nil, format, exported(t, want, format))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(lines(want), lines(got.Segments)); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
				for i, s := range got.Segments {
					if want[i].Words != nil && !cmp.Equal(s.Words, call()[i].Words) {
						t.Errorf("segment %d has other words: %+v", i, s.Words)
					}
				}
			})
		}
	}
}

// A name may also become that of somebody who is there.
func TestService_Import_renamedToAnother(t *testing.T) {
	t.Parallel()
	b := setup()
	id := b.completed(call())
	file := strings.Replace(string(exported(t, call(), "txt")), "Speaker 1: One", "Speaker 2: One", 1)
	got, err := b.Import(t.Context(), b.who, id, nil, "txt", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	want := call()
	want[4].Speaker = "Speaker 2"
	if diff := cmp.Diff(want, got.Segments); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A name is there for itself where the next word would not fit on its subtitle.
func TestService_Import_renamedAlone(t *testing.T) {
	t.Parallel()
	b := setup()
	before := talking("Onethousandandone nights.", "Yes.")
	before[0].Speaker, before[1].Speaker = "Ann", "Bob"
	id := b.completed(before)
	file := "1\n00:00:00,000 --> 00:00:01,000\nSarah Lee:\n\n2\n00:00:01,000 --> 00:00:02,000\nOnethousandandone\n\n3\n00:00:02,000 --> 00:00:03,000\nnights.\n\n" +
		"4\n00:00:03,000 --> 00:00:04,000\nBob: Yes.\n"
	got, err := b.Import(t.Context(), b.who, id, nil, "srt", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Sarah Lee: Onethousandandone nights.", "Bob: Yes."}, turns(got.Segments)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// rename returns how many segments it has given another speaker.
func rename(segments []transcription.Segment, from, to string) (n int) {
	for i := range segments {
		if segments[i].Speaker == from {
			segments[i].Speaker = to
			n++
		}
	}
	return n
}

// Names went to the end of what is said before them.
func TestService_Import_speakersOfNobody(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"srt", "vtt", "txt", "docx"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			b := setup()
			silent := call()
			for i := range silent {
				silent[i].Speaker = ""
			}
			id := b.completed(silent)
			got, err := b.Import(t.Context(), b.who, id, nil, format, exported(t, call(), format))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(call(), got.Segments); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// Where somebody else speaks within a segment, that is cut.
func TestService_Import_speakerWithin(t *testing.T) {
	t.Parallel()
	b := setup()
	before := talking("One two three four.", "Five.")
	before[0].Speaker, before[1].Speaker = "Ann", "Bob"
	id := b.completed(before)
	got, err := b.Import(t.Context(), b.who, id, nil, "txt", []byte("Ann: One two\n\nBob: three four.\n\nBob: Five.\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Ann: One two", "Bob: three four. Five."}, turns(got.Segments)); diff != "" || len(got.Segments) != 3 {
		t.Errorf("-want +got\n%s", diff)
	}
	if first := got.Segments[0]; first.End > got.Segments[1].Start || first.Words[1] != before[0].Words[1] {
		t.Errorf("got %+v", got.Segments)
	}
	long := []byte("WEBVTT\n\n00:00.000 --> 00:01.000\n<v " + strings.Repeat("x", transcription.MaxSpeaker+1) + ">One two three four. Five.\n")
	if _, err := b.Import(t.Context(), b.who, id, nil, "vtt", long); err == nil {
		t.Error("a name of any length is taken")
	}
}
