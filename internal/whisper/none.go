//go:build !whisper || !cgo

package whisper

import (
	"context"
	"errors"
	"os"
)

// errNotLinked is what every use of the engine comes to in this build.
var errNotLinked = errors.New("this program was built without the speech engine; " +
	"build it with: scripts/whisper && eval \"$(scripts/whisper env)\" && CGO_ENABLED=1 go build -tags whisper ./cmd/worker")

func linked() error { return errNotLinked }

func openNative(Options, *os.File) (host, setup, error) { return nil, setup{}, errNotLinked }

func openInProcess(context.Context, Options) (host, setup, error) {
	return nil, setup{}, errNotLinked
}
