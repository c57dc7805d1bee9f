package whisper

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

func TestReadLog(t *testing.T) {
	t.Parallel()
	lines := "\x012whisper_init: loading\n\x013ggml: slow\n\x014ggml: bad\n\x015 more\n\nGGML_ASSERT(x) failed\n\x011last"
	var out bytes.Buffer
	var last tail
	log := zerolog.New(&out)
	readLog(strings.NewReader(lines), &log, &last)
	want := []string{
		`{"level":"debug","from":"whisper","message":"whisper_init: loading"}`,
		`{"level":"warn","from":"whisper","message":"ggml: slow"}`,
		`{"level":"error","from":"whisper","message":"ggml: bad"}`,
		`{"level":"debug","from":"whisper","message":"more"}`,
		`{"level":"warn","from":"whisper","message":"GGML_ASSERT(x) failed"}`,
		`{"level":"debug","from":"whisper","message":"last"}`,
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(out.String()), "\n")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"ggml: slow", "ggml: bad", "more", "GGML_ASSERT(x) failed", "last"}, last.lines()); diff != "" {
		t.Error(diff)
	}
}
