package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLoadAPI_providers(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := complete()
	for key, value := range map[string]string{
		"TS_OIDC_PROVIDERS": "google,github,corp,ghe", "TS_OIDC_REGISTER": "false",
		"TS_OIDC_GOOGLE_CLIENT_ID": "g", "TS_OIDC_GOOGLE_CLIENT_SECRET": "s",
		"TS_OIDC_GITHUB_CLIENT_ID": "h", "TS_OIDC_GITHUB_CLIENT_SECRET_FILE": name,
		"TS_OIDC_CORP_ISSUER": "https://id.example.com/realm", "TS_OIDC_CORP_CLIENT_ID": "c", "TS_OIDC_CORP_CLIENT_SECRET": "s",
		"TS_OIDC_CORP_SCOPES": "email profile", "TS_OIDC_CORP_LABEL": "Example Inc.",
		"TS_OIDC_GHE_KIND": "github", "TS_OIDC_GHE_ISSUER": "http://127.0.0.1:9000", "TS_OIDC_GHE_CLIENT_ID": "e", "TS_OIDC_GHE_CLIENT_SECRET": "s",
	} {
		env[key] = value
	}
	c, err := LoadAPI(t.Context(), from(env))
	if err != nil {
		t.Fatal(err)
	}
	want := []Provider{
		{Name: "google", Kind: Google, Label: "Google", Issuer: "https://accounts.google.com", ClientID: "g", ClientSecret: "s", Scopes: []string{}},
		{Name: "github", Kind: GitHub, Label: "GitHub", Issuer: "https://github.com", ClientID: "h", ClientSecret: "from a file", Scopes: []string{}},
		{Name: "corp", Kind: OpenID, Label: "Example Inc.", Issuer: "https://id.example.com/realm", ClientID: "c", ClientSecret: "s", Scopes: []string{"email", "profile"}},
		{Name: "ghe", Kind: GitHub, Label: "GitHub", Issuer: "http://127.0.0.1:9000", ClientID: "e", ClientSecret: "s", Scopes: []string{}},
	}
	if diff := cmp.Diff(want, c.OIDC.Providers); diff != "" || c.OIDC.Register {
		t.Errorf("register %v, -want +got\n%s", c.OIDC.Register, diff)
	}
}

func TestLoadAPI_badProviders(t *testing.T) {
	t.Parallel()
	env := complete()
	for key, value := range map[string]string{
		"TS_OIDC_PROVIDERS": "corp,Corp,corp,plain,odd", "TS_OIDC_CORP_CLIENT_SECRET_FILE": "no/such/file",
		"TS_OIDC_PLAIN_ISSUER": "http://id.example.com", "TS_OIDC_PLAIN_CLIENT_ID": "c", "TS_OIDC_PLAIN_CLIENT_SECRET": "hidden",
		"TS_OIDC_ODD_KIND": "saml",
	} {
		env[key] = value
	}
	_, err := LoadAPI(t.Context(), from(env))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`TS_OIDC_PROVIDERS has "Corp"`, `TS_OIDC_PROVIDERS has "corp" twice`, "TS_OIDC_CORP_ISSUER is not set", "TS_OIDC_CORP_CLIENT_ID is not set",
		"TS_OIDC_CORP_CLIENT_SECRET_FILE", "TS_OIDC_CORP_CLIENT_SECRET is not set", `TS_OIDC_PLAIN_ISSUER is "http://id.example.com"`, `TS_OIDC_ODD_KIND is "saml"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hidden") {
		t.Error("a secret is shown")
	}
}
