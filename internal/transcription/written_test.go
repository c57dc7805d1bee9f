package transcription_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

const twoCues = "1\n00:00:01,000 --> 00:00:02,500\nOne two.\n\n2\n00:00:03,000 --> 00:00:04,000\nThree.\n"

// written returns an upload of a recording with its text.
func written(format, text string) transcription.Upload {
	u := upload("sound", transcription.Options{Language: "de"})
	u.Written = func() transcription.Written { return transcription.Written{Format: format, File: []byte(text)} }
	return u
}

func TestService_Upload_written(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		format, text, code string
		want               []string
		warned             int
	}{
		"srt":            {format: "srt", text: twoCues, want: []string{"1-2.5 : One two.", "3-4 : Three."}},
		"vtt":            {format: "vtt", text: "WEBVTT\n\n00:01.000 --> 00:02.000\nOne.\n", want: []string{"1-2 : One."}},
		"json":           {format: "json", text: `{"schemaVersion":1,"segments":[{"start":0,"end":1,"text":"One.","speaker":"Ann"}]}`, want: []string{"0-1 Ann: One."}},
		"without times":  {format: "txt", text: "Ten signs.\n\nTen more..\n", want: []string{"0-0.8 : Ten signs.", "0.8-1.6 : Ten more.."}, warned: 1},
		"malformed":      {format: "srt", text: "1\nno time\n", code: "malformed_import"},
		"out of order":   {format: "srt", text: twoCues + "\n" + twoCues, code: "malformed_import"},
		"nothing":        {format: "txt", text: " \n", code: "empty_import"},
		"unknown format": {format: "pdf", text: "x", code: "unknown_format"},
		"no format":      {text: "x", code: "unknown_format"},
		"backwards":      {format: "json", text: `{"schemaVersion":1,"segments":[{"start":2,"end":1,"text":"One."}]}`, code: "times_reversed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup()
			got, err := b.Upload(t.Context(), b.who, written(tt.format, tt.text))
			if tt.code != "" {
				if f := fault.Of(err); f.Code != tt.code || f.Kind != fault.Invalid || b.store.Rows() > 0 {
					t.Errorf("got %v, %d rows", err, b.store.Rows())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			text, err := b.Transcription(t.Context(), b.who, got.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, lines(text.Segments)); diff != "" || got.Status != transcription.Completed || text.Status != transcription.Completed || text.Revision != 0 || text.Language != "de" || text.LanguageConfidence != 1 {
				t.Errorf("%s in %s, revision %d: -want +got\n%s", text.Status, text.Language, text.Revision, diff)
			}
			if len(text.Warnings) != tt.warned {
				t.Errorf("warned of %v", text.Warnings)
			}
		})
	}
}

// Without its text, a format is a mistake.
func TestService_Upload_formatOnly(t *testing.T) {
	t.Parallel()
	b := setup()
	u := written("srt", "")
	u.Written = func() transcription.Written { return transcription.Written{Format: "srt"} }
	if _, err := b.Upload(t.Context(), b.who, u); fault.Of(err).Code != "transcript_missing" {
		t.Errorf("got %v", err)
	}
}

// A German text was refused where only English models are installed, though nothing is
// decoded.
func TestService_Upload_writtenWithoutModel(t *testing.T) {
	t.Parallel()
	b := setup()
	b.store.Install("tiny.en")
	o, w := transcription.Options{Language: " DE "}, transcription.Written{Format: "srt", File: []byte(twoCues)}
	for what, err := range map[string]error{
		"of a text":     b.CheckOptions(t.Context(), b.who, o, w),
		"of its format": b.CheckOptions(t.Context(), b.who, o, transcription.Written{Format: "srt"}),
		"of any model":  b.CheckOptions(t.Context(), b.who, transcription.Options{Model: "large-v3", Translate: true}, w),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	got, err := b.Upload(t.Context(), b.who, written("srt", twoCues))
	if err != nil || got.Language != "de" {
		t.Errorf("got %+v, %v", got, err)
	}
	for code, o := range map[string]transcription.Options{
		"unknown_language": {Language: "klingon"}, "unknown_model": {Model: "giant"}, "prompt_too_long": {Prompt: strings.Repeat("x", 5000)}, "priority_not_allowed": {Priority: transcription.High},
	} {
		if err := b.CheckOptions(t.Context(), b.who, o, w); fault.Of(err).Code != code {
			t.Errorf("want %s, got %v", code, err)
		}
	}
	if err := b.CheckOptions(t.Context(), b.who, o, transcription.Written{}); fault.Of(err).Code != "language_not_supported" {
		t.Errorf("without a text: got %v", err)
	}
}

// A transcription that had failed could only be transcribed once more, also by who had its
// text.
func TestService_Import_first(t *testing.T) {
	t.Parallel()
	for _, status := range []transcription.Status{transcription.Failed, transcription.Canceled, transcription.Queued} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			b := setup()
			id := uuid.New()
			tr := transcription.Transcription{ID: id, OwnerID: b.who.UserID, Run: 1, Status: status, Duration: 20 * time.Second}
			if status == transcription.Failed {
				tr.Failure = &transcription.Failure{Code: "no_audio"}
			}
			b.store.Insert(tr)
			_, err := b.Import(t.Context(), b.who, id, nil, "srt", []byte("1\n00:00:01,000 -> 00:00:02,000\nNo.\n"))
			if f := fault.Of(err); status != transcription.Queued && (f.Code != "malformed_import" || f.Details["line"] != 2) {
				t.Errorf("got %v", err)
			}
			got, err := b.Import(t.Context(), b.who, id, nil, "docx", docx(t, strings.Repeat("x", 30), strings.Repeat("y", 10)))
			if status == transcription.Queued {
				if fault.Of(err).Code != "no_text" {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"0-15 : " + strings.Repeat("x", 30), "15-20 : " + strings.Repeat("y", 10)}
			if diff := cmp.Diff(want, lines(got.Segments)); diff != "" || got.Status != transcription.Completed || got.Failure != nil || len(got.Warnings) != 1 {
				t.Errorf("%+v: -want +got\n%s", got, diff)
			}
			if got, err = b.Import(t.Context(), b.who, id, ptr(0), "txt", []byte("x\n")); err != nil || got.Revision != 1 {
				t.Errorf("then: %+v, %v", got, err)
			}
		})
	}
}

// Times that nobody but us had estimated went on behind the end of the recording, for which
// the text was refused.
func TestService_Import_firstOfManyLines(t *testing.T) {
	t.Parallel()
	const length = 69*time.Second + 897*time.Millisecond
	for name, tt := range map[string]struct{ text, code string }{
		"as many as there is room for": {text: strings.Repeat("x\n", 6989)},
		"the longest first":            {text: strings.Repeat("x", 5000) + "\n" + strings.Repeat("x\n", 5000)},
		"the longest last":             {text: strings.Repeat("x\n", 5000) + strings.Repeat("x", 5000)},
		"one too many":                 {text: strings.Repeat("x\n", 6990), code: "too_many_lines"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup()
			id := uuid.New()
			b.store.Insert(transcription.Transcription{ID: id, OwnerID: b.who.UserID, Run: 1, Status: transcription.Canceled, Duration: length})
			got, err := b.Import(t.Context(), b.who, id, nil, "txt", []byte(tt.text))
			if tt.code != "" {
				if f := fault.Of(err); f.Code != tt.code || !strings.Contains(f.Message, "6990 lines") || !strings.Contains(f.Message, "a recording of 69.897 s") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if last := got.Segments[len(got.Segments)-1].End; last > length || last < length-time.Millisecond {
				t.Errorf("the last segment ends at %s", last)
			}
		})
	}
}

// docx returns a document with these paragraphs.
func docx(t *testing.T, paragraphs ...string) []byte {
	t.Helper()
	var segments []transcription.Segment
	for i, p := range paragraphs {
		at := time.Duration(i) * time.Minute
		segments = append(segments, transcription.Segment{Start: at, End: at + time.Second, Text: p})
	}
	return write(t, &transcription.Transcription{Segments: segments, File: transcription.File{Name: "a"}}, "docx", transcription.Layout{})
}
