//go:build whisper && cgo

package whisper

/*
#include "native.h"
*/
import "C"

import "unsafe"

// ts_loops is asked by the library before each token. Times, which differ from round to
// round, are not text.
//
//export ts_loops
func ts_loops(tokens *C.whisper_token_data, n C.int, eot C.whisper_token) C.bool {
	text := make([]int32, 0, longestRound*leastRounds)
	said := unsafe.Slice(tokens, n)
	for i := len(said) - 1; i >= 0 && len(text) < cap(text); i-- {
		if id := said[i].id; id < eot {
			text = append(text, int32(id))
		}
	}
	return C.bool(goesRound(text))
}
