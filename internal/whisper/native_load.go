//go:build whisper && cgo

package whisper

/*
#include "native.h"
*/
import "C"

import (
	"bufio"
	"errors"
	"io"
	"os"
	"runtime/cgo"
	"unsafe"
)

// loadFile has the library load a model, with its weights packed if they are to be. It
// returns nil for the model when that fails, with what is known of the reason, which the library itself only logs.
func loadFile(path string, p C.struct_whisper_context_params, shrink bool) (*C.struct_whisper_context, *filters, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	in, out := io.Pipe()
	var pack packer
	if shrink {
		pack = packRows
	}
	var mel *filters
	fed := make(chan error, 1)
	go func() {
		var err error
		mel, err = feed(out, f, pack)
		_ = out.CloseWithError(err) // never fails
		fed <- err
	}()
	handle := cgo.NewHandle(&fedFile{in: bufio.NewReaderSize(in, 1<<20)})
	defer handle.Delete()
	ctx := C.ts_load(C.uintptr_t(handle), p)
	_ = in.Close() // never fails; the library may have stopped early
	err = <-fed
	if ctx != nil && err != nil {
		C.whisper_free(ctx)
		ctx = nil
	}
	return ctx, mel, err
}

// fedFile is a model's file as the library reads it.
type fedFile struct {
	in    *bufio.Reader
	ended bool
}

func fileOf(handle unsafe.Pointer) *fedFile {
	return cgo.Handle(uintptr(handle)).Value().(*fedFile) //nolint:errcheck,forcetypeassert // made by loadFile
}

//export ts_file_read
func ts_file_read(file, into unsafe.Pointer, n C.size_t) C.size_t {
	f := fileOf(file)
	got, err := io.ReadFull(f.in, unsafe.Slice((*byte)(into), n))
	f.ended = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err != nil
	return C.size_t(got)
}

//export ts_file_ended
func ts_file_ended(file unsafe.Pointer) C.bool { return C.bool(fileOf(file).ended) }

//export ts_file_close
func ts_file_close(unsafe.Pointer) {}

// packRows is the packer that ggml brings.
func packRows(rows []byte, kind int32, width int) []byte {
	n := len(rows) / int(blocks[kind].bytes) / width
	plain := make([]float32, n*width)
	into := make([]byte, n*width/int(blocks[q8].weights)*int(blocks[q8].bytes))
	size := C.ts_pack(unsafe.Pointer(&rows[0]), C.bool(kind == f16), C.int64_t(n), C.int64_t(width), (*C.float)(&plain[0]), unsafe.Pointer(&into[0]))
	return into[:size]
}
