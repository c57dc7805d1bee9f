package oidc_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/oidc"
	"github.com/turboscribe/turboscribe/internal/oidc/oidctest"
)

var (
	shake = auth.Handshake{State: "state", Nonce: "nonce", Verifier: "a verifier of forty-three characters at least"}
	ada   = oidctest.Person{Subject: "7", Email: "ada@example.com", Verified: true}
)

func options(s *oidctest.Server) oidc.Options {
	return oidc.Options{
		Name: "id", Label: "Example", Issuer: s.URL, ClientID: oidctest.ClientID, ClientSecret: oidctest.ClientSecret, Redirect: "http://localhost/back",
		Timeout: time.Minute,
	}
}

// visit has a browser go to the provider and come back.
func visit(t *testing.T, s *oidctest.Server, p auth.Provider) auth.ProviderAnswer {
	t.Helper()
	address, err := p.AuthURL(t.Context(), shake)
	if err != nil {
		t.Fatal(err)
	}
	q := s.Visit(t, address).Query()
	return auth.ProviderAnswer{State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Error: q.Get("error")}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if err == nil || fault.Of(err).Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestOpenID(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rules oidctest.Rules
		want  auth.Claim
	}{
		"everything in the ID token":    {oidctest.Rules{Person: ada}, auth.Claim{Subject: "7", Email: ada.Email, Verified: true}},
		"the address only when asked":   {oidctest.Rules{Person: ada, UserInfo: true}, auth.Claim{Subject: "7", Email: ada.Email, Verified: true}},
		"an issuer that is not named":   {oidctest.Rules{Person: ada, Silent: true}, auth.Claim{Subject: "7", Email: ada.Email, Verified: true}},
		"an address that is not theirs": {oidctest.Rules{Person: oidctest.Person{Subject: "7", Email: ada.Email}}, auth.Claim{Subject: "7", Email: ada.Email}},
		"true as a text": {
			oidctest.Rules{Person: ada, Claims: func(c map[string]any) { c["email_verified"] = "true" }},
			auth.Claim{Subject: "7", Email: ada.Email, Verified: true},
		},
		"anything else as a text": {
			oidctest.Rules{Person: ada, Claims: func(c map[string]any) { c["email_verified"] = "yes" }},
			auth.Claim{Subject: "7", Email: ada.Email},
		},
		"several that it is for": {oidctest.Rules{Person: ada, Claims: func(c map[string]any) {
			c["aud"], c["azp"] = []string{"other", oidctest.ClientID}, oidctest.ClientID
		}}, auth.Claim{Subject: "7", Email: ada.Email, Verified: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := oidctest.New(t)
			s.Behave(tt.rules)
			p := oidc.NewOpenID(options(s))
			got, err := p.Identify(t.Context(), shake, visit(t, s, p))
			if err != nil || got != tt.want {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

// TestOpenID_noProof: nobody is signed in by what was not signed for this installation and
// this browser, now, by the provider that was asked.
func TestOpenID_noProof(t *testing.T) {
	t.Parallel()
	set := func(name string, value any) oidctest.Rules {
		return oidctest.Rules{Person: ada, Claims: func(c map[string]any) { c[name] = value }}
	}
	answer := func(name, value string) oidctest.Rules {
		return oidctest.Rules{Person: ada, Answer: func(q url.Values) { q.Set(name, value) }}
	}
	forged := func(key jose.SigningKey) oidctest.Rules {
		return oidctest.Rules{Person: ada, Token: func(string) string {
			return oidctest.Sign(map[string]any{"sub": "1", "aud": oidctest.ClientID, "nonce": shake.Nonce, "exp": time.Now().Add(time.Hour).Unix()}, key)
		}}
	}
	for name, tt := range map[string]struct {
		rules oidctest.Rules
		code  string
	}{
		"another nonce":                {set("nonce", "other"), "provider_invalid"},
		"no nonce":                     {set("nonce", ""), "provider_invalid"},
		"another issuer signed":        {set("iss", "https://evil.example.com"), "provider_invalid"},
		"for another installation":     {set("aud", "other"), "provider_invalid"},
		"made by another installation": {set("azp", "other"), "provider_invalid"},
		"no subject":                   {set("sub", ""), "provider_invalid"},
		"a subject without end":        {set("sub", strings.Repeat("7", 256)), "provider_invalid"},
		"expired":                      {set("exp", time.Now().Add(-time.Hour).Unix()), "provider_invalid"},
		"not good yet":                 {set("nbf", time.Now().Add(time.Hour).Unix()), "provider_invalid"},
		"no token":                     {oidctest.Rules{Person: ada, Token: func(string) string { return "" }}, "provider_invalid"},
		"a signature cut off": {
			oidctest.Rules{Person: ada, Token: func(token string) string { return token[:len(token)-8] }},
			"provider_invalid",
		},
		"signed with the client's secret": {forged(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(oidctest.ClientSecret + oidctest.ClientSecret)}), "provider_invalid"},
		"not signed": {
			oidctest.Rules{Person: ada, Token: func(string) string { return "eyJhbGciOiJub25lIn0.eyJzdWIiOiI3In0." }},
			"provider_invalid",
		},
		"an answer from another issuer": {answer("iss", "https://evil.example.com"), "provider_invalid"},
		"an answer from nobody":         {answer("iss", ""), "provider_invalid"},
		"a code of somebody else's":     {answer("code", "made up"), "provider_refused"},
		"no code":                       {answer("code", ""), "provider_refused"},
		"the person does not want to":   {oidctest.Rules{Refuse: "access_denied"}, "provider_refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := oidctest.New(t)
			s.Behave(tt.rules)
			p := oidc.NewOpenID(options(s))
			got, err := p.Identify(t.Context(), shake, visit(t, s, p))
			wantCode(t, err, tt.code)
			if got != (auth.Claim{}) {
				t.Errorf("got %+v beside the error", got)
			}
		})
	}
}

func TestOpenID_codeIsUsedOnce(t *testing.T) {
	t.Parallel()
	s := oidctest.New(t)
	s.Behave(oidctest.Rules{Person: ada})
	p := oidc.NewOpenID(options(s))
	a := visit(t, s, p)
	if _, err := p.Identify(t.Context(), shake, a); err != nil {
		t.Fatal(err)
	}
	_, err := p.Identify(t.Context(), shake, a)
	wantCode(t, err, "provider_refused")
}

// TestOpenID_verifier: who has read a code on its way cannot use it.
func TestOpenID_verifier(t *testing.T) {
	t.Parallel()
	s := oidctest.New(t)
	s.Behave(oidctest.Rules{Person: ada})
	p := oidc.NewOpenID(options(s))
	a, other := visit(t, s, p), shake
	other.Verifier = "another verifier of forty-three characters, too"
	_, err := p.Identify(t.Context(), other, a)
	wantCode(t, err, "provider_refused")
}

// TestOpenID_otherUserInfo: an access token of somebody else tells of somebody else.
func TestOpenID_otherUserInfo(t *testing.T) {
	t.Parallel()
	s := oidctest.New(t)
	s.Behave(oidctest.Rules{Person: ada, UserInfo: true, Claims: func(c map[string]any) { c["sub"] = "8" }})
	p := oidc.NewOpenID(options(s))
	_, err := p.Identify(t.Context(), shake, visit(t, s, p))
	wantCode(t, err, "provider_invalid")
}

func TestOpenID_keysAreRotated(t *testing.T) {
	t.Parallel()
	s := oidctest.New(t)
	s.Behave(oidctest.Rules{Person: ada})
	p := oidc.NewOpenID(options(s))
	for n := range 3 {
		if got, err := p.Identify(t.Context(), shake, visit(t, s, p)); err != nil || got.Subject != ada.Subject {
			t.Errorf("after %d rotations: got %+v, %v", n, got, err)
		}
		s.Rotate(t)
	}
}

func TestOpenID_down(t *testing.T) {
	t.Parallel()
	s := oidctest.New(t)
	p := oidc.NewOpenID(options(s))
	s.Behave(oidctest.Rules{Down: "*"})
	_, err := p.AuthURL(t.Context(), shake)
	wantCode(t, err, "provider_unavailable")
	for _, path := range []string{"/token", "/keys", "/userinfo"} {
		s.Behave(oidctest.Rules{Person: ada, Down: path, UserInfo: true})
		_, err := p.Identify(t.Context(), shake, visit(t, s, p))
		wantCode(t, err, "provider_unavailable")
	}
	s.Behave(oidctest.Rules{Person: ada})
	if _, err := p.Identify(t.Context(), shake, visit(t, s, p)); err != nil {
		t.Errorf("it is back: got %v", err)
	}
	gone := oidctest.New(t)
	o := options(gone)
	gone.Close()
	_, err = oidc.NewOpenID(o).AuthURL(t.Context(), shake)
	wantCode(t, err, "provider_unavailable")
}

// TestOpenID_wrongSecret: that is for who runs the installation, not for who signs in.
func TestOpenID_wrongSecret(t *testing.T) {
	t.Parallel()
	s := oidctest.New(t)
	s.Behave(oidctest.Rules{Person: ada})
	o := options(s)
	o.ClientSecret = "wrong"
	p := oidc.NewOpenID(o)
	_, err := p.Identify(t.Context(), shake, visit(t, s, p))
	wantCode(t, err, "internal")
}

// TestOpenID_issuerOfDiscovery: a provider that says it is another is not believed.
func TestOpenID_issuerOfDiscovery(t *testing.T) {
	t.Parallel()
	s := oidctest.New(t)
	o := options(s)
	o.Issuer += "/"
	_, err := oidc.NewOpenID(o).AuthURL(t.Context(), shake)
	wantCode(t, err, "provider_unavailable")
}

func TestGitHub(t *testing.T) {
	t.Parallel()
	s := oidctest.New(t)
	g := oidc.NewGitHub(options(s))
	s.Behave(oidctest.Rules{Person: ada})
	a := visit(t, s, g)
	got, err := g.Identify(t.Context(), shake, a)
	if want := (auth.Claim{Subject: "7", Email: ada.Email, Verified: true}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	_, err = g.Identify(t.Context(), shake, a)
	wantCode(t, err, "provider_refused") // the code was used
	other := shake
	other.Verifier = "another verifier of forty-three characters, too"
	_, err = g.Identify(t.Context(), other, visit(t, s, g))
	wantCode(t, err, "provider_refused")

	s.Behave(oidctest.Rules{Person: oidctest.Person{Subject: "7", Email: ada.Email}})
	got, err = g.Identify(t.Context(), shake, visit(t, s, g))
	if want := (auth.Claim{Subject: "7"}); err != nil || got != want {
		t.Errorf("an address that is not verified: got %+v, %v, want %+v", got, err, want)
	}
	s.Behave(oidctest.Rules{Person: oidctest.Person{Subject: "0"}})
	_, err = g.Identify(t.Context(), shake, visit(t, s, g))
	wantCode(t, err, "provider_invalid")
	for _, path := range []string{"/login/oauth/access_token", "/api/v3/user", "/api/v3/user/emails"} {
		s.Behave(oidctest.Rules{Person: ada, Down: path})
		_, err := g.Identify(t.Context(), shake, visit(t, s, g))
		wantCode(t, err, "provider_unavailable")
	}
}
