package transcription

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turboscribe/turboscribe/internal/fault"
)

func TestReadLayout(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		format, query string
		want          Layout
	}{
		{"txt", "", Layout{}},
		{"txt", "format=txt&unknown=1&speakers=false&timestamps=true&paragraph=300&bom=true&lineEnds=crlf", Layout{Anonymous: true, Timestamps: true, Paragraph: 300, BOM: true, LineEnds: CRLF}},
		{"vtt", "highlight=true&maxChars=37&maxLines=3&maxCps=17.5&minDuration=1.25&maxDuration=6", Layout{
			Highlight: true, Cues: CueRules{MaxChars: 37, MaxLines: 3, MaxCPS: 17.5, MinDuration: 1250 * time.Millisecond, MaxDuration: 6 * time.Second},
		}},
		{"csv", "speakers=true&lineEnds=lf", Layout{LineEnds: LF}},
		{"srt", "minDuration=10", Layout{Cues: CueRules{MinDuration: 10 * time.Second}}},
	} {
		q, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadLayout(mustFormat(t, tt.format), q)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s?%s: %v (-want +got)\n%s", tt.format, tt.query, err, diff)
		}
	}
}

func TestReadLayout_refuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		format, query, message string
		fields                 []string
	}{
		{"json", "speakers=false", "json has no option speakers: leave it out, or export as txt,", []string{"speakers"}},
		{"srt", "highlight=true", "srt has no option highlight: leave it out, or export as vtt.", []string{"highlight"}},
		{"txt", "maxChars=42", "txt has no option maxChars", []string{"maxChars"}},
		{"txt", "timestamps=yes", "timestamps must be true or false.", []string{"timestamps"}},
		{"txt", "bom=true&bom=false", "bom must be true or false.", []string{"bom"}},
		{"txt", "lineEnds=cr", "lineEnds must be lf or crlf.", []string{"lineEnds"}},
		{"srt", "maxChars=9", "maxChars must be a number of characters from 10 to 200.", []string{"maxChars"}},
		{"srt", "maxCps=NaN", "maxCps must be a number", []string{"maxCps"}},
		{"srt", "minDuration=5&maxDuration=2", "minDuration is longer than maxDuration: lower the one or raise the other.", []string{"minDuration"}},
		{"srt", "maxLines=4&maxDuration=x&timestamps=true", "maxDuration must be", []string{"timestamps", "maxLines", "maxDuration"}},
	} {
		q, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ReadLayout(mustFormat(t, tt.format), q)
		f := fault.Of(err)
		if f == nil || f.Kind != fault.Invalid || f.Code != "invalid_layout" || !strings.Contains(f.Message, tt.message) {
			t.Errorf("%s?%s: got %+v, want %q", tt.format, tt.query, f, tt.message)
			continue
		}
		if diff := cmp.Diff(tt.fields, f.Details["fields"]); diff != "" || f.Details["field"] != tt.fields[0] {
			t.Errorf("%s?%s: fields (-want +got)\n%s", tt.format, tt.query, diff)
		}
	}
}

func TestFormats_layout(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		format string
		layout Layout
		want   string // somewhere in the file
		not    string
	}{
		"no speakers, txt":  {"txt", Layout{Anonymous: true}, "Where did you learn", "Anna"},
		"no speakers, srt":  {"srt", Layout{Anonymous: true}, "Where did you learn", "Anna"},
		"no speakers, vtt":  {"vtt", Layout{Anonymous: true}, "Where did you learn", "Anna"},
		"no speakers, csv":  {"csv", Layout{Anonymous: true}, "index,start,end,text,confidence\r\n0,0.500,4.668,", "Anna"},
		"no speakers, md":   {"md", Layout{Anonymous: true}, "Where did you learn", "Anna"},
		"timestamps, txt":   {"txt", Layout{Timestamps: true}, "\n[00:00:28] Anna: R&D", "\r"},
		"timestamps, md":    {"md", Layout{Timestamps: true}, "\n`00:00:28` **Anna:** R\\&D", "\r"},
		"mark and ends":     {"txt", Layout{BOM: true, LineEnds: CRLF}, "\uFEFFAnna: Where", "\n\n"},
		"ends of csv":       {"csv", Layout{LineEnds: LF}, "confidence\n", "\r"},
		"short lines":       {"srt", Layout{Cues: CueRules{MaxChars: 20}}, "\nAnna: Where did\n", "learn to cook so"},
		"words, vtt":        {"vtt", Layout{Highlight: true}, "<v Anna>Where <00:00:00.880>did", "<00:00:00.500>"},
		"short paragraphs":  {"txt", Layout{Paragraph: 100}, "\n\nI still use her pan.", "X"},
		"three lines a cue": {"srt", Layout{Cues: CueRules{MaxChars: 20, MaxLines: 3}}, "Anna: Where did\nyou learn to cook\nso well,\n", "X"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := string(exportAs(t, mustFormat(t, tt.format), interview(), tt.layout))
			if !strings.Contains(got, tt.want) || strings.Contains(got, tt.not) {
				t.Errorf("want %q and not %q in\n%s", tt.want, tt.not, got)
			}
		})
	}
}
