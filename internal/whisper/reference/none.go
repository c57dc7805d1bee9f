//go:build !whisper || !cgo

package reference

import (
	"context"
	"errors"
)

var errNotLinked = errors.New("this program was built without whisper.cpp: build it with cgo and -tags whisper")

// Decoder would decode; this build has none.
type Decoder struct{}

// Open fails: there is nothing to decode with in this build.
func Open(context.Context, Options) (*Decoder, error) { return nil, errNotLinked }

// Decode fails as Open does.
func (*Decoder) Decode([]float32) (string, error) { return join(nil), errNotLinked }

// Library returns nothing.
func (*Decoder) Library() Library { return Library{} }

// Close does nothing.
func (*Decoder) Close() error { return nil }
