package api

import (
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"fmt"
	"html/template"
	"mime"
	"net/http"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"
)

// accountHTML uses the tokens that come by mail, which are behind the # of its address.
//
//go:embed account.html
var accountHTML string

var inline = regexp.MustCompile(`(?s)<(script|style)>(.*?)</`)

// accountCSP lets the page do what is in it and nothing else.
var accountCSP = pageCSP(accountHTML, "'none'")

// pageCSP returns the policy of a page that has its scripts and styles in itself, and may
// send its forms there.
func pageCSP(html, forms string) string {
	hashes := map[string]string{}
	for _, found := range inline.FindAllStringSubmatch(html, -1) {
		sum := sha256.Sum256([]byte(found[2]))
		hashes[found[1]] += fmt.Sprintf(" 'sha256-%s'", base64.StdEncoding.EncodeToString(sum[:]))
	}
	return "default-src 'none'; connect-src 'self'; script-src" + hashes["script"] + "; style-src" + hashes["style"] +
		"; base-uri 'none'; form-action " + forms + "; frame-ancestors 'none'"
}

// beginHTML asks whether somebody wants to sign in, whom a link elsewhere has brought here.
//
//go:embed begin.html
var beginHTML string

// errorHTML says why something was refused, to a person whom a browser has brought there.
//
//go:embed error.html
var errorHTML string

// welcomeHTML says what this is, to whom the address in a mail has led here.
//
//go:embed welcome.html
var welcomeHTML string

var (
	errorPage   = newTemplate("error", errorHTML)
	beginPage   = newTemplate("begin", beginHTML)
	welcomePage = newTemplate("welcome", welcomeHTML)
)

// pageTemplate is a page with its policy.
type pageTemplate struct {
	*template.Template
	csp string
}

func newTemplate(name, html string) pageTemplate {
	return pageTemplate{template.Must(template.New(name).Parse(html)), pageCSP(html, "'none'")}
}

// pageKey is set where people come by themselves, and no script is there to read JSON.
const pageKey = "page"

// visited has a browser shown a page where it is refused. Programs get JSON there, too.
func visited(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Set(pageKey, true)
		return next(c)
	}
}

// wantsPage reports whether an error is for a person to read.
func wantsPage(c echo.Context) bool {
	if c.Get(pageKey) == nil {
		return false
	}
	for accepted := range strings.SplitSeq(c.Request().Header.Get(echo.HeaderAccept), ",") {
		if kind, _, err := mime.ParseMediaType(accepted); err == nil && kind == echo.MIMETextHTML {
			return true
		}
	}
	return false
}

func writePage(c echo.Context, status int, page pageTemplate, data any) error {
	var text strings.Builder
	if err := page.Execute(&text, data); err != nil {
		return fmt.Errorf("write a page: %w", err)
	}
	c.Response().Header().Set("Content-Security-Policy", page.csp)
	return c.HTML(status, text.String())
}

// led reports whether a page of another site has brought a browser here. Browsers say so;
// what a person has typed, kept as a bookmark or opened from a mail, is not that.
func led(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}

func (s *Server) accountPage(c echo.Context) error {
	c.Response().Header().Set("Content-Security-Policy", accountCSP)
	return c.HTML(http.StatusOK, accountHTML)
}

func (s *Server) welcome(c echo.Context) error {
	return writePage(c, http.StatusOK, welcomePage, nil)
}
