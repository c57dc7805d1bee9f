package auth_test

import (
	"bytes"
	"testing"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
)

// TestService_CheckCSRF: pages that were open while the secret was replaced go on.
func TestService_CheckCSRF(t *testing.T) {
	t.Parallel()
	store := new(authtest.Store)
	old, _ := newService(t, store)
	token := register(t, old)
	who, err := old.Authenticate(t.Context(), token.Access)
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Repeat([]byte("t"), 32)
	rotated, _ := newService(t, store, func(o *auth.Options) { o.Secrets = [][]byte{other, secret} })
	foreign, _ := newService(t, store, func(o *auth.Options) { o.Secrets = [][]byte{other} })
	if token.CSRF == "" || token.CSRF != old.CSRFToken(who) {
		t.Errorf("the sign-in gave %q", token.CSRF)
	}
	for name, tt := range map[string]struct {
		s     *auth.Service
		who   auth.Actor
		token string
		want  string
	}{
		"own":                {old, who, token.CSRF, ""},
		"secret replaced":    {rotated, who, token.CSRF, ""},
		"secret gone":        {foreign, who, token.CSRF, "csrf_token"},
		"of another session": {old, auth.Actor{UserID: who.UserID, SessionID: who.UserID}, token.CSRF, "csrf_token"},
		"nobody":             {old, auth.Actor{}, old.CSRFToken(auth.Actor{}), "csrf_token"},
		"none":               {old, who, "", "csrf_token"},
	} {
		if got := code(tt.s.CheckCSRF(tt.who, tt.token)); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
