package webhook

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Rules say where events may be sent. The zero value allows https to public
// addresses.
type Rules struct {
	HTTP     bool           // without TLS, too
	Networks []netip.Prefix // may be reached, on any port, although they are not public
}

// maxURL bounds the address of a webhook, in bytes.
const maxURL = 2048

// The ports that events are sent to: others belong to services that are no web
// servers, and might do what a stranger's line of text tells them.
var (
	securePorts = []uint16{443, 8443}
	plainPorts  = []uint16{80, 8080}
)

func (r Rules) ports() []uint16 {
	if r.HTTP {
		return slices.Concat(securePorts, plainPorts)
	}
	return securePorts
}

// special are the networks that are set apart in the registries of special-purpose
// addresses, and those in which others are wrapped: what stands in a 6to4 or Teredo
// address is an IPv4 address that a router may go on to. Those that netip knows, see
// public, are not among them. One is no registry's: at 168.63.129.16 every machine of
// Azure reaches its host.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // carrier-grade NAT
	netip.MustParsePrefix("168.63.129.16/32"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"), // 6to4 relays
	netip.MustParsePrefix("198.18.0.0/15"),  // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"), // Teredo and other protocols
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), // 6to4
	netip.MustParsePrefix("3fff::/20"),
}

// globalV6 is all of IPv6 that was ever given out. What wraps IPv4 addresses by NAT64
// or as compatible ones lies outside.
var globalV6 = netip.MustParsePrefix("2000::/3")

// public reports whether a is an address that anybody in the internet can be at.
func public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" || a.Is4In6() {
		return false
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !globalV6.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}

// permit reports whether events may be sent to that address and port.
func (r Rules) permit(to netip.AddrPort) bool {
	if r.exempt(to.Addr()) {
		return true
	}
	return public(to.Addr()) && slices.Contains(r.ports(), to.Port())
}

func (r Rules) exempt(a netip.Addr) bool {
	return slices.ContainsFunc(r.Networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// refuse says what is wrong with the address of a webhook.
func refuse(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, format, args...).WithCode("invalid_webhook_url").With("field", "url")
}

// hostname is a name of the domain name system in lower case, or an IPv4 address.
// Underscores are used, though not allowed.
var hostname = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)

// numeric is a last label by which resolvers take a name for an IPv4 address: 127.1,
// 2130706433 and 0x7f.1 are all 127.0.0.1 to some.
var numeric = regexp.MustCompile(`(^|\.)([0-9]+|0x[0-9a-f]*)$`)

// CheckURL returns the address of a webhook in its canonical form. Invalid
// invalid_webhook_url: events cannot or must not be sent there, as far as that can be
// said of the text: what a name leads to is looked at whenever it is dialed.
func (r Rules) CheckURL(text string) (string, error) {
	if len(text) > maxURL {
		return "", refuse("The address of a webhook must not be longer than %d bytes.", maxURL)
	}
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Host == "" || u.Opaque != "" {
		return "", refuse("The address of a webhook must look like https://example.com/path.")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return "", refuse("The address of a webhook must begin with https://.")
	case u.Scheme == "http" && !r.HTTP:
		return "", refuse("The address of a webhook must begin with https://: without, everybody on the way can read and keep what is sent.")
	case u.User != nil:
		return "", refuse("The address of a webhook must not have a user or a password in it. Check the signature instead.")
	case u.Fragment != "":
		return "", refuse("The address of a webhook must not have a # in it: what is behind it is never sent.")
	}
	host, err := r.checkHost(u)
	if err != nil {
		return "", err
	}
	u.Host = host
	return u.String(), nil
}

// checkHost returns the host and port of u in their canonical form.
func (r Rules) checkHost(u *url.URL) (string, error) {
	port, err := portOf(u)
	if err != nil {
		return "", err
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if a, err := netip.ParseAddr(host); err == nil {
		if !r.permit(netip.AddrPortFrom(a, port)) {
			return "", r.refuseAddress(a, port)
		}
		return joined(a.String(), u.Port()), nil
	}
	if !hostname.MatchString(host) || len(host) > 253 || numeric.MatchString(host) {
		return "", refuse("The address of a webhook has no valid name of a host in it. Names in other letters than a to z are written as xn--….")
	}
	if len(r.Networks) > 0 { // a name may lead into one, where all ports are fine
		return joined(host, u.Port()), nil
	}
	if !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".internal") || strings.HasSuffix(host, ".local") {
		return "", refuse("The address of a webhook must be one in the internet; %s is not.", host)
	}
	if !slices.Contains(r.ports(), port) {
		return "", r.refusePort(port)
	}
	return joined(host, u.Port()), nil
}

func (r Rules) refuseAddress(a netip.Addr, port uint16) *fault.Error {
	if public(a) {
		return r.refusePort(port)
	}
	return refuse("Webhooks are not sent to %s: it is not a public address. The operator of this installation can allow its network.", a)
}

func (r Rules) refusePort(port uint16) *fault.Error {
	return refuse("Webhooks are not sent to port %d. Use one of %v.", port, r.ports()).With("allowed", r.ports())
}

// portOf returns the port that u means.
func portOf(u *url.URL) (uint16, error) {
	if u.Port() == "" {
		if u.Scheme == "http" {
			return 80, nil
		}
		return 443, nil
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || n == 0 {
		return 0, refuse("The address of a webhook has no valid port in it.")
	}
	return uint16(n), nil
}

func joined(host, port string) string {
	if port != "" {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
