package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
)

// cookies are those of a sign-in, with the flags that fit the scheme of the public
// address.
type cookies struct {
	access  string
	refresh string
	csrf    string // for scripts of our pages to read
	device  string // outlives the sign-in
	// handshake is kept while somebody is at a provider.
	handshake string
	link      string // begins those of links, see ofLink
	secure    bool
}

// newCookies refuses http for hosts that are reached over a network: the cookies
// would be for everybody to read on the way.
func newCookies(public *url.URL, insecure bool) (cookies, error) {
	if public.Scheme == "https" {
		// With this prefix no neighbouring host can plant one of its own. It demands the
		// path /, so that all of them come with every request.
		return cookies{
			access: "__Host-ts_access", refresh: "__Host-ts_refresh", csrf: "__Host-csrf_token", device: "__Host-ts_device",
			handshake: "__Host-ts_handshake", link: "__Host-ts_link_", secure: true,
		}, nil
	}
	if !insecure && !loopback(public.Hostname()) {
		return cookies{}, fmt.Errorf("cookies over %s would be readable for everybody on the way: "+
			"use an https address, or allow insecure cookies", public)
	}
	return cookies{access: "ts_access", refresh: "ts_refresh", csrf: "csrf_token", device: "ts_device", handshake: "ts_handshake", link: "ts_link_"}, nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// set hands a sign-in to a browser.
func (k cookies) set(c echo.Context, g *auth.Grant) {
	c.SetCookie(k.cookie(k.access, g.Access, "/", g.AccessExpires))
	c.SetCookie(k.cookie(k.refresh, g.Refresh, "/", g.RefreshExpires))
	c.SetCookie(k.readable(k.csrf, g.CSRF, "/", g.RefreshExpires))
	if g.Device != "" {
		c.SetCookie(k.cookie(k.device, g.Device, "/", g.DeviceExpires))
	}
}

// clear takes it back.
func (k cookies) clear(c echo.Context) {
	k.remove(c, k.access)
	k.remove(c, k.refresh)
	k.remove(c, k.csrf)
}

func (k cookies) remove(c echo.Context, name string) {
	gone := k.cookie(name, "", "/", time.Unix(1, 0)) //nolint:gosec // the flags are those of the cookie that goes
	gone.MaxAge = -1
	c.SetCookie(gone)
}

// setHandshake is Lax, since a browser comes back from another site.
func (k cookies) setHandshake(c echo.Context, off *auth.Handoff) {
	c.SetCookie(k.cookie(k.handshake, off.Token, "/", off.Expires))
}

func (k cookies) clearHandshake(c echo.Context) { k.remove(c, k.handshake) }

func (k cookies) cookie(name, value, path string, expires time.Time) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure follows the scheme, see newCookies
		Name: name, Value: value, Path: path, Expires: expires.UTC(),
		HttpOnly: true, Secure: k.secure, SameSite: http.SameSiteLaxMode,
	}
}

// readable returns a cookie for scripts: what it holds proves nothing by itself.
func (k cookies) readable(name, value, path string, expires time.Time) *http.Cookie {
	cookie := k.cookie(name, value, path, expires) //nolint:gosec // see newCookies
	cookie.HttpOnly = false
	return cookie
}

// value returns the value of a cookie of the request, empty when there is none.
func value(c echo.Context, name string) string {
	cookie, err := c.Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}
