package daemon

import "runtime/debug"

// Headroom bounds the garbage that gathers before it is collected, in percent of the memory
// that is in use, unless the environment says how much (GOGC).
func Headroom(lookup func(string) (string, bool), percent int) {
	if _, set := lookup("GOGC"); !set {
		debug.SetGCPercent(percent)
	}
}
