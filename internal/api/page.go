package api

import (
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"

	"github.com/labstack/echo/v4"
)

// accountHTML uses the tokens that come by mail, which are behind the # of its address.
//
//go:embed account.html
var accountHTML string

var inline = regexp.MustCompile(`(?s)<(script|style)>(.*?)</`)

// accountCSP lets the page do what is in it and nothing else.
var accountCSP = pageCSP(accountHTML)

func pageCSP(html string) string {
	hashes := map[string]string{}
	for _, found := range inline.FindAllStringSubmatch(html, -1) {
		sum := sha256.Sum256([]byte(found[2]))
		hashes[found[1]] += fmt.Sprintf(" 'sha256-%s'", base64.StdEncoding.EncodeToString(sum[:]))
	}
	return "default-src 'none'; connect-src 'self'; script-src" + hashes["script"] + "; style-src" + hashes["style"] +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

func (s *Server) accountPage(c echo.Context) error {
	c.Response().Header().Set("Content-Security-Policy", accountCSP)
	return c.HTML(http.StatusOK, accountHTML)
}
