//go:build whisper && cgo

package whisper

/*
#include "native.h"
*/
import "C"

import "unsafe"

// unspoken returns the tokens that are not to be decoded. The library would look them up by
// name before every token.
func unspoken(ctx *C.struct_whisper_context) []C.whisper_token {
	var found []C.whisper_token
	for id := range C.whisper_token_eot(ctx) {
		if notSpeech(C.GoString(C.whisper_token_to_str(ctx, id))) {
			found = append(found, id)
		}
	}
	return found
}

// prune is what the choice of each token ends with.
func prune(logits []float32) { C.ts_prune((*C.float)(&logits[0]), C.int(len(logits))) }

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
