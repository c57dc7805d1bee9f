package api

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/rate"
)

// Rates say how many requests of each kind a minute has for one account, or at once.
// 0 is any number.
type Rates struct {
	SignIn  int // for one address, since nobody is signed in yet
	Upload  int
	Export  int
	Media   int // reading of recordings, a player does that in parts
	Read    int
	Write   int
	Address int // how many times as many of the others one address has: it may be that of a whole office
}

// class is a kind of requests that are counted together.
type class struct {
	name    string
	account rate.Limit
	key     rate.Limit // half of the account's: a program gone wild leaves its owner the other
	address rate.Limit
	exact   bool // over all replicas at any moment, for the price of asking Redis each time
}

// cheapAuthPaths ask for no password to be hashed and no mail to be sent.
var cheapAuthPaths = []string{authPath + "/refresh", authPath + "/logout"}

// exportsInArchive is how many exports all that is kept of somebody counts as.
const exportsInArchive = 100

type classes struct {
	signIn, upload, export, media, archive, read, write class
}

func newClasses(r Rates) classes {
	of := func(name string, n int, exact bool) class {
		return class{name: name, account: rate.PerMinute(n), key: rate.PerMinute((n + 1) / 2), address: rate.PerMinute(n * r.Address), exact: exact}
	}
	return classes{
		signIn: class{name: "sign-in", address: rate.PerMinute(r.SignIn), exact: true},
		upload: of("upload", r.Upload, true), export: of("export", r.Export, false), media: of("media", r.Media, false),
		archive: of("archive", (r.Export+exportsInArchive-1)/exportsInArchive, true),
		read:    of("read", r.Read, false), write: of("write", r.Write, false),
	}
}

// of returns what kind of request that is. A route that comes new is of one, too.
func (k *classes) of(method, path string) *class {
	switch {
	case path == uploadPath:
		return &k.upload
	case strings.HasPrefix(path, oidcPath+"/"): // each asks somebody else
		return &k.signIn
	case strings.HasPrefix(path, authPath+"/") && !safe(method) && !slices.Contains(cheapAuthPaths, path):
		return &k.signIn
	case path == sharedPath+"/unlock", path == guestPath && !safe(method):
		return &k.signIn
	case path == sharedPath+"/export":
		return &k.export
	case path == root+"/me/export":
		return &k.archive
	case strings.HasPrefix(path, root+"/export/"), path == root+"/exports":
		return &k.export
	case strings.HasPrefix(path, mediaPath):
		return &k.media
	case safe(method):
		return &k.read
	default:
		return &k.write
	}
}

// metered refuses what comes too often from one account or one address, and tells
// everybody how much is left.
func (s *Server) metered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if isProbe(c) {
			return next(c)
		}
		k := s.classes.of(r.Method, c.Path())
		buckets := k.buckets(actor(c), c.RealIP())
		if len(buckets) == 0 {
			return next(c)
		}
		levels := s.take(c, k, buckets)
		n := tightest(levels)
		name := k.name + buckets[n].scope
		tell(c.Response().Header(), name, buckets[n].Limit, levels[n])
		if levels[n].Granted < 1 {
			return tooOften(name, buckets[n].Limit, levels[n])
		}
		return next(c)
	}
}

// take takes one from each bucket. Where a moment does not matter, Redis is told
// afterwards: polling must cost no more than what is polled.
func (s *Server) take(c echo.Context, k *class, buckets []scoped) []rate.Level {
	plain := make([]rate.Bucket, len(buckets))
	for i, b := range buckets {
		plain[i] = b.Bucket
	}
	if k.exact {
		return s.limiter.Take(c.Request().Context(), plain...)
	}
	return s.limiter.Spend(plain...)
}

// scoped is a bucket with what it is for.
type scoped struct {
	rate.Bucket
	scope string
}

func (k *class) buckets(who auth.Actor, ip string) (found []scoped) {
	if k.account.Burst > 0 && who.UserID != uuid.Nil {
		found = append(found, scoped{rate.Bucket{Key: k.name + " of " + who.UserID.String(), Limit: k.account}, ""})
	}
	if k.key.Burst > 0 && who.KeyID != uuid.Nil {
		found = append(found, scoped{rate.Bucket{Key: k.name + " by " + who.KeyID.String(), Limit: k.key}, "-key"})
	}
	if k.address.Burst > 0 {
		found = append(found, scoped{rate.Bucket{Key: k.name + " from " + network(ip), Limit: k.address}, "-address"})
	}
	return found
}

// network returns what one person has of addresses.
func network(ip string) string { return rate.Network(ip, 32) }

// tightest returns which bucket refuses for longest, or has least left.
func tightest(levels []rate.Level) (n int) {
	for i, l := range levels {
		if l.Granted < levels[n].Granted || l.Granted == levels[n].Granted && (l.Wait > levels[n].Wait || l.Left < levels[n].Left) {
			n = i
		}
	}
	return n
}

// tell sets the headers of draft-ietf-httpapi-ratelimit-headers.
func tell(h http.Header, name string, limit rate.Limit, l rate.Level) {
	h.Set("RateLimit-Policy", `"`+name+`";q=`+strconv.Itoa(limit.Burst)+";w="+strconv.Itoa(wholeSeconds(limit.Window())))
	h.Set("RateLimit", `"`+name+`";r=`+strconv.Itoa(l.Left)+";t="+strconv.Itoa(wholeSeconds(l.Full)))
}

// wholeSeconds rounds up: who comes then is not too early.
func wholeSeconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

func tooOften(name string, limit rate.Limit, l rate.Level) error {
	wait := max(1, wholeSeconds(l.Wait))
	return fault.New(fault.RateLimited, "That was too often: no more than %d of these may come in %d seconds. Try again in %d seconds.",
		limit.Burst, wholeSeconds(limit.Window()), wait).
		WithCode("too_many_requests").With("policy", name).With("limit", limit.Burst).With("retryAfter", wait)
}

// isProbe reports whether that is a question whether this process lives, which must not
// be refused because somebody else at the same address asks for much.
func isProbe(c echo.Context) bool {
	return c.Path() == "/livez" || c.Path() == "/readyz"
}
