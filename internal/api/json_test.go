package api_test

import (
	"strings"
	"testing"

	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/fault"
)

func TestStrict(t *testing.T) {
	t.Parallel()
	nested := func(depth int) string { return strings.Repeat(`{"a":[`, depth/2) + strings.Repeat(`]}`, depth/2) }
	for body, want := range map[string]string{
		`{}`: "", `[]`: "", `"a"`: "", `1`: "",
		`{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}`: "",
		`{"a":"b","b":"a"}`:                         "",
		`{"a":["a","a"],"b":["a"]}`:                 "",
		`{"a":1,"a":1}`:                             "twice",
		`{"a":{},"a":1}`:                            "twice",
		`{"a":[],"A":1}`:                            "twice",
		`{"b":[{"a":{"c":1,"c":2}}]}`:               "twice",
		nested(16):                                  "",
		nested(18):                                  "nested",
		strings.Repeat("[", 17) + strings.Repeat("]", 17): "nested",
	} {
		err := api.Strict([]byte(body))
		if want == "" && err != nil || want != "" && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", body, err, want)
		}
	}
}
