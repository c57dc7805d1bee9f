package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// OIDC says whom people can sign in with besides.
type OIDC struct {
	Names    []string `env:"TS_OIDC_PROVIDERS"`
	Register bool     `env:"TS_OIDC_REGISTER, default=true"`
	// Providers are those of the names. Each has variables of its own.
	Providers []Provider
}

// The kinds of providers.
const (
	OpenID = "oidc"
	Google = "google"
	GitHub = "github"
)

// Provider is one of them, NAME for short:
type Provider struct {
	Name         string
	Kind         string   // TS_OIDC_NAME_KIND: one of the above; the name if it is one, else oidc
	Label        string   // TS_OIDC_NAME_LABEL: for people; that of the kind, else the name
	Issuer       string   // TS_OIDC_NAME_ISSUER: required for oidc
	ClientID     string   // TS_OIDC_NAME_CLIENT_ID: required
	ClientSecret string   // TS_OIDC_NAME_CLIENT_SECRET, or …_FILE: required
	Scopes       []string // TS_OIDC_NAME_SCOPES: what the kind needs if empty
}

// presets are what is known of a kind without being said.
var presets = map[string]Provider{
	OpenID: {},
	Google: {Label: "Google", Issuer: "https://accounts.google.com"},
	GitHub: {Label: "GitHub", Issuer: "https://github.com"},
}

var providerName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// load reads the variables of all providers.
func (o *OIDC) load(lookup Lookup) (err error) {
	for i, name := range o.Names {
		if !providerName.MatchString(name) {
			err = errors.Join(err, fmt.Errorf("TS_OIDC_PROVIDERS has %q, names are of small letters, digits and _, such as corp", name))
			continue
		}
		if slices.Contains(o.Names[:i], name) {
			err = errors.Join(err, fmt.Errorf("TS_OIDC_PROVIDERS has %q twice", name))
			continue
		}
		p, bad := loadProvider(name, lookup)
		o.Providers, err = append(o.Providers, p), errors.Join(err, bad)
	}
	return err
}

func loadProvider(name string, lookup Lookup) (Provider, error) {
	prefix := "TS_OIDC_" + strings.ToUpper(name)
	var errs []error
	read := func(suffix, otherwise string) string {
		v, ok, err := find(lookup, prefix+suffix)
		if err != nil {
			errs = append(errs, err)
		}
		if !ok {
			return otherwise
		}
		return v
	}
	kind := OpenID
	if _, known := presets[name]; known {
		kind = name
	}
	p := Provider{Name: name, Kind: read("_KIND", kind)}
	preset, known := presets[p.Kind]
	if !known {
		errs = append(errs, fmt.Errorf("%s_KIND is %q, it must be %s, %s or %s", prefix, p.Kind, OpenID, Google, GitHub))
	}
	p.Issuer, p.ClientID, p.ClientSecret = read("_ISSUER", preset.Issuer), read("_CLIENT_ID", ""), read("_CLIENT_SECRET", "")
	p.Label = read("_LABEL", preset.Label)
	if p.Label == "" {
		p.Label = name
	}
	p.Scopes = strings.FieldsFunc(read("_SCOPES", ""), func(r rune) bool { return r == ',' || r == ' ' })
	return p, errors.Join(append(errs, p.validate(prefix))...)
}

func (p Provider) validate(prefix string) (err error) {
	for _, v := range []struct{ suffix, value string }{{"_ISSUER", p.Issuer}, {"_CLIENT_ID", p.ClientID}, {"_CLIENT_SECRET", p.ClientSecret}} {
		if v.value == "" {
			err = errors.Join(err, fmt.Errorf("%s%s is not set", prefix, v.suffix))
		}
	}
	if p.Issuer != "" && !isIssuer(p.Issuer) {
		err = errors.Join(err, fmt.Errorf("%s_ISSUER is %q, it must look like https://id.example.com", prefix, p.Issuer))
	}
	return err
}

// isIssuer demands https: whoever can change the answers of a provider can sign in as
// anybody.
func isIssuer(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	here := u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && here
}
