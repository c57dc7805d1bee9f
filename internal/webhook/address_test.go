package webhook

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/turboscribe/turboscribe/internal/fault"
)

func prefixes(texts ...string) (found []netip.Prefix) {
	for _, s := range texts {
		found = append(found, netip.MustParsePrefix(s))
	}
	return found
}

func TestRules_CheckURL(t *testing.T) {
	t.Parallel()
	plain, lan := Rules{HTTP: true}, Rules{HTTP: true, Networks: prefixes("10.1.0.0/16", "fd00::/64")}
	for _, tt := range []struct {
		rules    Rules
		in, want string
	}{
		{Rules{}, "https://example.com", "https://example.com"},
		{Rules{}, " HTTPS://Hooks.Example.COM.:443/a%20b?x=1&y=ä ", "https://hooks.example.com:443/a%20b?x=1&y=ä"},
		{Rules{}, "https://example.com:8443/", "https://example.com:8443/"},
		{Rules{}, "https://my_host.example.com/#", "https://my_host.example.com/"},
		{Rules{}, "https://1.1.1.1/x", "https://1.1.1.1/x"},
		{Rules{}, "https://[2606:4700::1111]/x", "https://[2606:4700::1111]/x"},
		{Rules{}, "https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"},
		{plain, "http://example.com:8080/", "http://example.com:8080/"},
		{lan, "http://10.1.2.3:3000/", "http://10.1.2.3:3000/"},
		{lan, "http://[fd00::1]:3000/", "http://[fd00::1]:3000/"},
		{lan, "http://receiver:3000/", "http://receiver:3000/"},
	} {
		got, err := tt.rules.CheckURL(tt.in)
		if got != tt.want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
}

// Each row is a way into what only this machine can reach, or to be taken for
// something else on the way there.
func TestRules_CheckURL_refused(t *testing.T) {
	t.Parallel()
	lan := Rules{HTTP: true, Networks: prefixes("10.1.0.0/16")}
	for _, tt := range []struct {
		rules Rules
		urls  []string
	}{
		{Rules{}, []string{
			"", "example.com", "//example.com", "https:example.com", "https://", "http://example.com", "ftp://example.com", "file:///etc/passwd",
			"gopher://example.com", "https://user@example.com", "https://user:pass@example.com", "https://example.com/#x", "https://example.com:22",
			"https://example.com:0", "https://example.com:70000", "https://example.com:80", "https://localhost", "https://LOCALHOST.", "https://a.localhost",
			"https://postgres", "https://metadata.google.internal", "https://printer.local", "https://127.0.0.1", "https://127.1", "https://2130706433",
			"https://0x7f000001", "https://0x7f.1", "https://0177.0.0.1", "https://1.2.3.4.5", "https://x.0x7f", "https://127.0.0.1.", "https://10.0.0.1",
			"https://172.16.0.1", "https://192.168.1.1", "https://169.254.169.254", "https://100.100.100.200", "https://0.0.0.0", "https://224.0.0.1",
			"https://255.255.255.255", "https://[::1]", "https://[::]", "https://[fe80::1%25eth0]", "https://[fd00:ec2::254]", "https://[::ffff:127.0.0.1]",
			"https://[::ffff:7f00:1]", "https://[::127.0.0.1]", "https://[64:ff9b::7f00:1]", "https://[2002:7f00:1::]", "https://[2001:0:7f00:1::]",
			"https://[ff02::1]", "https://１２７.０.０.１", "https://bücher.example", "https://exa mple.com", "https://example.com\\@127.0.0.1",
			"https://example..com", "https://-example.com", "https://example.com\r\nHost: x", "https://example.com/" + strings.Repeat("x", maxURL),
			"https://" + strings.Repeat("a.", 130) + "example",
		}},
		{Rules{HTTP: true}, []string{
			"http://127.0.0.1", "http://example.com:25",
		}},
		{lan, []string{
			"http://10.2.0.1:3000", "http://127.0.0.1:3000", "http://[::ffff:10.1.0.1]:3000", "https://1.1.1.1:22",
		}},
	} {
		for _, in := range tt.urls {
			got, err := tt.rules.CheckURL(in)
			if f := fault.Of(err); err == nil || f.Kind != fault.Invalid || f.Code != "invalid_webhook_url" {
				t.Errorf("%.100q: got %q, %v, want invalid_webhook_url", in, got, err)
			}
		}
	}
}

func TestRules_permit(t *testing.T) {
	t.Parallel()
	r := Rules{Networks: prefixes("10.1.0.0/16")}
	for text, want := range map[string]bool{
		"1.1.1.1:443": true, "1.1.1.1:8443": true, "1.1.1.1:80": false, "1.1.1.1:6379": false,
		"10.1.2.3:6379": true, "10.2.2.3:443": false, "[2606:4700::1111]:443": true, "[2606:4700::1111%eth0]:443": false,
		"127.0.0.1:443": false, "[::1]:443": false, "[::ffff:1.1.1.1]:443": false, "[::ffff:10.1.2.3]:443": false,
		"[64:ff9b::101:101]:443": false, "[64:ff9b:1::1]:443": false, "[2002:101:101::]:443": false, "[2001::1]:443": false, "[2001:db8::1]:443": false,
		"[fec0::1]:443": false, "[fc00::1]:443": false, "[fe80::1]:443": false, "[100::1]:443": false, "[3fff::1]:443": false, "[4000::1]:443": false,
		"0.1.2.3:443": false, "100.64.0.1:443": false, "168.63.129.16:443": false, "169.254.169.254:443": false, "192.0.0.192:443": false,
		"192.0.2.1:443": false, "192.88.99.1:443": false, "192.168.0.1:443": false, "198.18.0.1:443": false, "198.51.100.1:443": false,
		"203.0.113.1:443": false, "224.0.0.1:443": false, "239.1.1.1:443": false, "240.0.0.1:443": false, "255.255.255.255:443": false,
		"172.15.0.1:443": true, "172.16.0.1:443": false, "172.31.255.255:443": false, "172.32.0.1:443": true, "100.128.0.1:443": true,
	} {
		if got := r.permit(netip.MustParseAddrPort(text)); got != want {
			t.Errorf("%s: got %t, want %t", text, got, want)
		}
	}
}

func FuzzRules_CheckURL(f *testing.F) {
	for _, s := range []string{
		"https://example.com/a?b=c", "https://[2606:4700::1111]:8443", "https://127.1", "https://a.b:443/%2e%2e/?%", "https://ex%61mple.com", "https://a@b.c",
		"https://[::ffff:1.2.3.4]/", "https://1.1.1.1", "https://xn--a.example/\x00", "https://a.example/ä", "HTTPS://A.EXAMPLE.",
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, s string, plain bool) {
		r := Rules{HTTP: plain}
		got, err := r.CheckURL(s)
		if err != nil {
			if f := fault.Of(err); f.Code != "invalid_webhook_url" || f.Message == "" {
				t.Fatalf("%q: got %v", s, err)
			}
			return
		}
		if again, err := r.CheckURL(got); again != got || err != nil {
			t.Fatalf("%q became %q and that %q, %v", s, got, again, err)
		}
		u, err := url.Parse(got)
		if err != nil {
			t.Fatal(err)
		}
		if u.Scheme != "https" && !plain || u.User != nil || u.Fragment != "" || len(got) > 3*maxURL {
			t.Fatalf("%q became %q", s, got)
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && !public(a) {
			t.Fatalf("%q leads to %s", s, a)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, got, nil)
		if err != nil || req.URL.Host != u.Host {
			t.Fatalf("%q cannot be sent to: %v", got, err)
		}
	})
}
