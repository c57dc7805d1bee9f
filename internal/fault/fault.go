// Package fault defines the one error type that crosses package boundaries.
//
// A fault is made where the meaning of a failure is known (a store knows "not
// found", media knows "not a recording") and translated at two edges only: to
// HTTP in api/error.go and to retry, fail or drop in pipeline/step.go.
package fault

import (
	"errors"
	"fmt"
	"maps"
)

// Kind says what a failure means to the caller.
type Kind string

// The kinds. Everything that is not a fault counts as Internal.
const (
	Invalid         Kind = "invalid"         // the request or the recording can never work as it is
	Unauthenticated Kind = "unauthenticated" // nobody is signed in
	Forbidden       Kind = "forbidden"       // somebody is, but may not
	NotFound        Kind = "not_found"       // nothing of that name belongs to the caller
	Gone            Kind = "gone"            // it was there, and was removed for good
	Conflict        Kind = "conflict"        // the thing is in another state, or another run holds it
	Stale           Kind = "stale"           // the thing has changed since the caller has read it
	TooLarge        Kind = "too_large"       // over a limit of bytes or of length
	Unsupported     Kind = "unsupported"     // not a kind of media that can be read
	RateLimited     Kind = "rate_limited"    // too often, or too much at once
	Damaged         Kind = "damaged"         // what is stored is not what was stored, and nobody can read it
	Unavailable     Kind = "unavailable"     // a dependency does not answer; trying again may help
	Internal        Kind = "internal"        // anything else: ours to mend
)

// Error is a failure with a meaning. Message is a sentence for the person who
// caused or suffers it; Err is for the log only.
type Error struct {
	Kind    Kind
	Code    string // stable, snake_case, for programs; the kind where nothing more exact is known
	Message string
	Details map[string]any // facts a program can use: field, limit, allowed values
	Err     error
}

// New returns a fault with a message for the user.
func New(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Code: string(k), Message: fmt.Sprintf(format, args...)}
}

// Wrap returns a fault that keeps err for the log.
func Wrap(err error, k Kind, format string, args ...any) *Error {
	f := New(k, format, args...)
	f.Err = err
	return f
}

// WithCode returns a copy of f with a more exact code.
func (f *Error) WithCode(code string) *Error {
	c := *f
	c.Code = code
	return &c
}

// With returns a copy of f that also carries one detail.
func (f *Error) With(key string, value any) *Error {
	c := *f
	c.Details = maps.Clone(f.Details)
	if c.Details == nil {
		c.Details = map[string]any{}
	}
	c.Details[key] = value
	return &c
}

// Error returns the message and, for the log, its cause.
func (f *Error) Error() string {
	if f.Err == nil {
		return f.Message
	}
	return f.Message + ": " + f.Err.Error()
}

// Unwrap returns the cause.
func (f *Error) Unwrap() error { return f.Err }

// Of returns the first fault in err's chain, and an Internal one that wraps err
// when there is none. Of(nil) is nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*Error](err); ok {
		return f
	}
	return Wrap(err, Internal, "Something went wrong on our side.")
}

// KindOf returns the kind of the first fault in err's chain, Internal when there
// is none.
func KindOf(err error) Kind { return Of(err).Kind }

// Is reports whether err carries a fault of kind k. A nil error carries none.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// Permanent reports whether trying again unchanged cannot help: the cause is the
// request or the recording, not the moment.
func Permanent(err error) bool {
	switch KindOf(err) {
	case Unavailable, Internal, RateLimited:
		return false
	default:
		return true
	}
}
