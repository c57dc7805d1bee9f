package fault

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOf(t *testing.T) {
	t.Parallel()
	own := New(NotFound, "There is no transcription %d.", 7).WithCode("transcription_not_found")
	tests := []struct {
		name    string
		err     error
		kind    Kind
		code    string
		message string
	}{
		{"fault", own, NotFound, "transcription_not_found", "There is no transcription 7."},
		{"wrapped fault", fmt.Errorf("load: %w", own), NotFound, "transcription_not_found", "There is no transcription 7."},
		{"joined fault", errors.Join(io.EOF, own), NotFound, "transcription_not_found", "There is no transcription 7."},
		{"any other error", io.ErrUnexpectedEOF, Internal, "internal", "Something went wrong on our side."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := Of(tt.err)
			if f.Kind != tt.kind || f.Code != tt.code || f.Message != tt.message {
				t.Errorf("got %s %s %q, want %s %s %q", f.Kind, f.Code, f.Message, tt.kind, tt.code, tt.message)
			}
			if !Is(tt.err, tt.kind) {
				t.Errorf("Is(%v, %s) is false", tt.err, tt.kind)
			}
		})
	}
	if Of(nil) != nil || Is(nil, Internal) {
		t.Error("no error was taken for a fault")
	}
}

func TestError_keepsCauseForTheLog(t *testing.T) {
	t.Parallel()
	f := Wrap(io.EOF, Unavailable, "The store does not answer.")
	if !errors.Is(f, io.EOF) {
		t.Error("the cause is lost")
	}
	if got, want := f.Error(), "The store does not answer.: EOF"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWith_leavesTheOriginalAlone(t *testing.T) {
	t.Parallel()
	a := New(TooLarge, "Too large.").With("limit", 10)
	b := a.With("size", 11)
	if diff := cmp.Diff(a.Details, map[string]any{"limit": 10}); diff != "" {
		t.Errorf("the original changed: %s", diff)
	}
	if diff := cmp.Diff(b.Details, map[string]any{"limit": 10, "size": 11}); diff != "" {
		t.Errorf("the copy is wrong: %s", diff)
	}
}

func TestPermanent(t *testing.T) {
	t.Parallel()
	for k, want := range map[Kind]bool{
		Invalid: true, Damaged: true, Unauthenticated: true, Forbidden: true, NotFound: true, Conflict: true, TooLarge: true, Unsupported: true,
		RateLimited: false, Unavailable: false, Internal: false,
	} {
		if got := Permanent(New(k, "x")); got != want {
			t.Errorf("%s: got %v, want %v", k, got, want)
		}
	}
}
