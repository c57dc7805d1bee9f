package build

import (
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"
)

func TestDescribed(t *testing.T) {
	t.Parallel()
	vcs := func(modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123abc"}, {Key: "vcs.modified", Value: modified},
		}}
	}
	for _, tt := range []struct {
		info *debug.BuildInfo
		ok   bool
		want string
	}{
		{nil, false, "devel"},
		{&debug.BuildInfo{}, true, "devel"},
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, true, "v1.2.3"},
		{vcs("false"), true, "0123abc"},
		{vcs("true"), true, "0123abc-dirty"},
	} {
		if got := described(tt.info, tt.ok); got != tt.want {
			t.Errorf("described(%+v) = %q, want %q", tt.info, got, tt.want)
		}
	}
}

// The linker sets any variable, or none when the name is wrong, and says nothing.
// Every program named its version "devel", wherever it came from.
func TestVersion_isLinked(t *testing.T) {
	t.Parallel()
	type here struct{}
	set := "-X " + reflect.TypeFor[here]().PkgPath() + ".version="
	for file, links := range map[string]int{"scripts/build": 1, "Dockerfile.api": 1, "Dockerfile.worker": 2} {
		b, err := os.ReadFile("../../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(string(b), set); got != links {
			t.Errorf("%s has %q %d times, want %d", file, set, got, links)
		}
	}
}
