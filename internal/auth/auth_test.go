package auth

import (
	"testing"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

func TestRequire(t *testing.T) {
	t.Parallel()
	all := []Permission{ReadTranscriptions, WriteTranscriptions, WatchQueues, ManageUsers}
	tests := []struct {
		name    string
		actor   Actor
		may     map[Permission]bool
		refusal fault.Kind
	}{
		{"nobody", Actor{}, nil, fault.Unauthenticated},
		{"nobody who claims to be an administrator", Actor{Role: Admin, Permissions: all}, nil, fault.Unauthenticated},
		{"somebody without the second factor they need", Actor{UserID: uuid.New(), Permissions: all, Enrolling: true}, nil, fault.Forbidden},
		{"a role alone", Actor{UserID: uuid.New(), Role: Admin}, nil, fault.Forbidden},
		{"some permissions", Actor{UserID: uuid.New(), Permissions: all[:2]}, map[Permission]bool{ReadTranscriptions: true, WriteTranscriptions: true}, fault.Forbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, p := range append(all, "something:else") {
				err := tt.actor.Require(p)
				if got := err == nil; got != tt.may[p] || tt.actor.Can(p) != got {
					t.Errorf("%s: Require gives %v, Can %v, want %v", p, err, tt.actor.Can(p), tt.may[p])
				}
				if err != nil && !fault.Is(err, tt.refusal) {
					t.Errorf("%s: got %v, want %s", p, err, tt.refusal)
				}
			}
		})
	}
}

func TestNormaliseEmail(t *testing.T) {
	t.Parallel()
	long := make([]byte, maxEmail)
	for i := range long {
		long[i] = 'a'
	}
	tests := []struct{ in, want string }{
		{"ada@example.com", "ada@example.com"},
		{"  Ada@Example.COM\n", "ada@example.com"},
		{"ada+tag@example.com", "ada+tag@example.com"},
		{"admin@localhost", "admin@localhost"},
		{"josé@example.com", "josé@example.com"},
		{"", ""},
		{"ada", ""},
		{"ada@", ""},
		{"@example.com", ""},
		{"ada@example.com, bob@example.com", ""},
		{"Ada <ada@example.com>", ""},
		{"<ada@example.com>", ""},
		{`"a b"@example.com`, ""},
		{"ada@[127.0.0.1]", ""},
		{"ada@exa mple.com", ""},
		{"ada@example.com\x00", ""},
		{"a\u200bda@example.com", ""},
		{"ada@example.com\r\nBcc: bob@example.com", ""},
		{string(long) + "@example.com", ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			got, err := NormaliseEmail(tt.in)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
			if err != nil && fault.Of(err).Code != "invalid_email" {
				t.Errorf("got %v, want invalid_email", err)
			}
		})
	}
}
