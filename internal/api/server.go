// Package api serves the HTTP API.
package api

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/privacy"
	"github.com/turboscribe/turboscribe/internal/rate"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

// Options configures a Server. PublicURL, Auth, Transcriptions, Webhooks and Privacy are
// required.
type Options struct {
	PublicURL       string // as browsers see this installation, such as https://scribe.example.com
	InsecureCookies bool   // allow http for other hosts than this one: whoever listens can sign in as anybody
	Auth            *auth.Service
	Transcriptions  *transcription.Service
	Webhooks        *webhook.Service
	Privacy         *privacy.Service
	Logger          zerolog.Logger

	HSTSSubdomains bool           // the hosts below this one are reached by https only, too
	AllowedOrigins []string       // of pages elsewhere that may call the API with cookies
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; none by default

	Rates   Rates         // how many requests are taken; none are refused by default
	Limiter *rate.Limiter // counts them; nil: this process alone

	Feed   *transcription.Feed      // of the events of transcriptions; nil: none
	Pages  transcription.Typesetter // of PDF files; nil: none
	Queues http.Handler             // the dashboard of the queues below /admin/queues; nil: none
	Cache  Cache                    // of rendered texts; nil: none
	Live   http.Handler             // GET /livez, for anybody; nil: none
	Ready  http.Handler             // GET /readyz, for anybody: it must not tell strangers about the inside; nil: none

	UserStreams int           // recordings that one account is sent at once; 16
	MaxUploads  int           // on their way at once; 64
	Heartbeat   time.Duration // between two signs of life of a stream of events; 15 seconds
	BodyTimeout time.Duration // for a whole small body, and for a pause within an upload or an answer; 60 seconds
	// RequestTimeout is for all else of a request that moves no file; 30 seconds.
	RequestTimeout time.Duration
}

// Server is the HTTP API.
type Server struct {
	auth           *auth.Service
	transcriptions *transcription.Service
	links          *transcription.Links
	public         string // the address of this installation, without a slash at the end
	webhooks       *webhook.Service
	exporter       transcription.Exporter
	privacy        *privacy.Service
	cache          Cache
	feed           *transcription.Feed
	heartbeat      time.Duration
	logger         zerolog.Logger
	queues         http.Handler
	queuesCSP      string
	live, ready    http.Handler
	cookies        cookies
	classes        classes
	limiter        *rate.Limiter
	keyring        keyring
	origins        *http.CrossOriginProtection
	hsts           string
	uploads        chan struct{} // a token for each upload on its way
	streams        *places       // of accounts that are sent recordings
	bodyTimeout    time.Duration
	requestTimeout time.Duration
	echo           *echo.Echo
}

// New returns a server, or says what is wrong with the options.
func New(o Options) (*Server, error) {
	if o.Auth == nil || o.Transcriptions == nil || o.Webhooks == nil || o.Privacy == nil {
		return nil, errors.New("the API needs the services of accounts, of transcriptions, of webhooks and of privacy")
	}
	public, err := parseOrigin(o.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("public URL: %w", err)
	}
	s := &Server{
		auth: o.Auth, transcriptions: o.Transcriptions, webhooks: o.Webhooks, privacy: o.Privacy, feed: o.Feed, exporter: transcription.Exporter{Pages: o.Pages}, logger: o.Logger, queues: o.Queues, live: o.Live, ready: o.Ready,
		origins: http.NewCrossOriginProtection(), hsts: hsts(public, o.HSTSSubdomains), bodyTimeout: o.BodyTimeout, classes: newClasses(o.Rates),
	}
	s.links, s.public = transcription.NewLinks(o.Transcriptions, o.Auth), public.Scheme+"://"+public.Host
	if s.cache = o.Cache; s.cache == nil {
		s.cache = noCache{}
	}
	if s.bodyTimeout == 0 {
		s.bodyTimeout = time.Minute
	}
	s.requestTimeout = cmp.Or(o.RequestTimeout, 30*time.Second)
	if s.limiter = o.Limiter; s.limiter == nil {
		s.limiter = rate.NewLimiter(nil, nil)
	}
	s.heartbeat = cmp.Or(o.Heartbeat, 15*time.Second)
	s.streams = newPlaces(cmp.Or(o.UserStreams, defaultStreams))
	s.uploads = make(chan struct{}, cmp.Or(o.MaxUploads, defaultUploads))
	if s.cookies, err = newCookies(public, o.InsecureCookies); err != nil {
		return nil, err
	}
	if err := s.trustOrigins(public, o.AllowedOrigins); err != nil {
		return nil, err
	}
	if s.queuesCSP, err = dashboardCSP(o.Queues); err != nil {
		return nil, err
	}
	if public.Scheme != "https" {
		o.Logger.Warn().Str("public_url", o.PublicURL).Msg("cookies go without the Secure flag, because the public URL is http")
	}
	s.echo = s.newEcho(o)
	return s, nil
}

// hsts returns what keeps browsers from ever asking by http again, where they ask by https.
func hsts(public *url.URL, subdomains bool) string {
	const year = "max-age=31536000"
	switch {
	case public.Scheme != "https":
		return ""
	case subdomains:
		return year + "; includeSubDomains"
	default:
		return year
	}
}

// Handler returns what serves the requests. Serve it with a ReadHeaderTimeout
// and an IdleTimeout, but without ReadTimeout and WriteTimeout: those would cut
// off long uploads and answers, whose clients are watched while they send and
// while they read instead.
func (s *Server) Handler() http.Handler { return s.echo }

// trustOrigins names the pages that may send requests with cookies: those of this
// installation, also behind a proxy that changes the Host, and the allowed ones.
func (s *Server) trustOrigins(public *url.URL, allowed []string) error {
	if err := s.origins.AddTrustedOrigin(public.Scheme + "://" + public.Host); err != nil {
		return fmt.Errorf("public URL: %w", err)
	}
	for _, origin := range allowed {
		if _, err := parseOrigin(origin); err != nil {
			return fmt.Errorf("allowed origin: %w", err)
		}
		if err := s.origins.AddTrustedOrigin(origin); err != nil {
			return fmt.Errorf("allowed origin: %w", err)
		}
	}
	return nil
}

// parseOrigin returns a URL that has a scheme and one host and nothing behind them.
func parseOrigin(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("parse %q: %w", s, err)
	}
	if !slices.Contains([]string{"http", "https"}, u.Scheme) || u.Hostname() == "" || strings.Contains(u.Host, "*") || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not of the form https://host or http://host:port", s)
	}
	return u, nil
}

func (s *Server) newEcho(o Options) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.handleError
	e.OnAddRouteHandler = func(_ string, r echo.Route, h echo.HandlerFunc, m []echo.MiddlewareFunc) {
		if r.Method == http.MethodGet {
			e.HEAD(r.Path, asGet(h), m...)
		}
	}
	e.IPExtractor = clientIP(o.TrustedProxies)
	e.Use(s.logged, recovered, s.timed, s.secured, s.hurried)
	if len(o.AllowedOrigins) > 0 {
		e.Use(crossOrigin(o.AllowedOrigins))
	}
	e.Use(s.authenticated, s.metered, s.sameOrigin, s.intended)
	for _, r := range s.routes() {
		r.serve(e)
	}
	return e
}

// clientIP believes X-Forwarded-For from the named proxies only: what anybody
// can send is no address to count by.
func clientIP(proxies []netip.Prefix) echo.IPExtractor {
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		trust = append(trust, echo.TrustIPRange(ipNet(p)))
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
