// Package build knows what the programs were built from.
package build

import "runtime/debug"

// version is set by the linker, see scripts/build and the Dockerfiles.
var version string

// Version names what this program was built from: what it was told when it was
// linked, else the version of the module, else the commit, else devel.
func Version() string {
	if version != "" {
		return version
	}
	return described(debug.ReadBuildInfo())
}

func described(info *debug.BuildInfo, ok bool) string {
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	revision := settings["vcs.revision"]
	if revision == "" {
		return "devel"
	}
	if settings["vcs.modified"] == "true" {
		revision += "-dirty"
	}
	return revision
}
