// Package oidctest is a provider of OpenID Connect, and a GitHub, for tests: with keys, a
// client that has to know its secret, codes that work once, and PKCE.
package oidctest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// What the installation is known by here.
const (
	ClientID     = "turboscribe"
	ClientSecret = "a secret of the client"
)

// Person is who signs in at the provider when a browser comes.
type Person struct {
	Subject  string // digits for GitHub
	Email    string
	Verified bool
}

// Rules are how the provider behaves. Their zero value is a provider that behaves well and
// lets Person in.
type Rules struct {
	Person   Person
	Refuse   string                    // the error to answer with instead of a code
	Answer   func(url.Values)          // changes the answer
	Claims   func(map[string]any)      // changes what is signed
	Token    func(token string) string // changes what was signed
	UserInfo bool                      // the address is told only when asked
	Silent   bool                      // the answer does not name the issuer, and nobody was promised that
	Down     string                    // the path that fails; * for all
}

// Server is the provider. Its URL is the issuer.
type Server struct {
	*httptest.Server
	mu    sync.Mutex
	rules Rules
	key   jose.JSONWebKey
	codes map[string]url.Values // what each was asked for
	known map[string]Person     // by access token
}

// New starts a provider that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{codes: map[string]url.Values{}, known: map[string]Person{}}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s.key = jose.JSONWebKey{Key: private, KeyID: "first", Algorithm: string(jose.RS256), Use: "sig"}
	mux := http.NewServeMux()
	for path, h := range map[string]http.HandlerFunc{
		"GET /.well-known/openid-configuration": s.discovery, "GET /keys": s.keys, "GET /authorize": s.authorize, "POST /token": s.token, "GET /userinfo": s.userInfo,
		"GET /login/oauth/authorize": s.authorize, "POST /login/oauth/access_token": s.token, "GET /api/v3/user": s.user, "GET /api/v3/user/emails": s.emails,
	} {
		mux.HandleFunc(path, h)
	}
	s.Server = httptest.NewServer(s.failing(mux))
	t.Cleanup(s.Close)
	return s
}

// Behave sets the rules from now on.
func (s *Server) Behave(r Rules) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = r
}

// Rotate has the provider sign with a new key, of another kind, and forget the old one.
func (s *Server) Rotate(t testing.TB) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = jose.JSONWebKey{Key: private, KeyID: rand.Text(), Algorithm: string(jose.EdDSA), Use: "sig"}
}

// Visit sends a browser to the provider and returns where it is sent back to.
func (s *Server) Visit(t testing.TB, address string) *url.URL {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Client().Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	back, err := res.Location()
	if err != nil {
		t.Fatalf("the provider answers %s, %v", res.Status, err)
	}
	return back
}

func (s *Server) failing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down := s.now().Down; down == "*" || down == r.URL.Path {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) now() Rules {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rules
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (s *Server) discovery(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, map[string]any{
		"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token", "jwks_uri": s.URL + "/keys",
		"userinfo_endpoint": s.URL + "/userinfo", "id_token_signing_alg_values_supported": []string{"RS256", "EdDSA", "HS256", "none"},
		"authorization_response_iss_parameter_supported": !s.now().Silent,
	})
}

func (s *Server) keys(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	write(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.key.Public()}})
}

// authorize lets the person in at once, and demands what every good client sends.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q, rules := r.URL.Query(), s.now()
	github := strings.HasPrefix(r.URL.Path, "/login")
	good := q.Get("client_id") == ClientID && q.Get("response_type") == "code" && q.Get("state") != "" && q.Get("code_challenge_method") == "S256" &&
		len(q.Get("code_challenge")) == 43 && (github || q.Get("nonce") != "" && slices.Contains(strings.Fields(q.Get("scope")), "openid"))
	if !good {
		http.Error(w, "a bad request: "+r.URL.RawQuery, http.StatusBadRequest)
		return
	}
	answer := url.Values{"state": {q.Get("state")}}
	if !github && !rules.Silent {
		answer.Set("iss", s.URL)
	}
	if rules.Refuse != "" {
		answer.Set("error", rules.Refuse)
	} else {
		code := rand.Text()
		answer.Set("code", code)
		s.mu.Lock()
		s.codes[code] = q
		s.mu.Unlock()
	}
	if rules.Answer != nil {
		rules.Answer(answer)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+answer.Encode(), http.StatusFound) //nolint:gosec // as every provider does, and this one knows one client
}

// take returns what a code was asked for, once.
func (s *Server) take(code string) (url.Values, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked, ok := s.codes[code]
	delete(s.codes, code)
	return asked, ok
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	rules := s.now()
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	if id != ClientID || secret != ClientSecret && secret != url.QueryEscape(ClientSecret) {
		write(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	asked, ok := s.take(r.FormValue("code"))
	hash := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(hash[:]) || asked.Get("redirect_uri") != r.FormValue("redirect_uri") {
		if strings.HasPrefix(r.URL.Path, "/login") {
			write(w, http.StatusOK, map[string]any{"error": "bad_verification_code"}) // as GitHub says it
			return
		}
		write(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	access := rand.Text()
	s.mu.Lock()
	s.known[access] = rules.Person
	s.mu.Unlock()
	answer := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 60}
	if asked.Get("nonce") != "" {
		answer["id_token"] = s.sign(rules, asked.Get("nonce"))
	}
	write(w, http.StatusOK, answer)
}

func (s *Server) sign(rules Rules, nonce string) string {
	now := time.Now()
	claims := map[string]any{
		"iss": s.URL, "aud": ClientID, "sub": rules.Person.Subject, "nonce": nonce, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
	if !rules.UserInfo {
		maps.Copy(claims, map[string]any{"email": rules.Person.Email, "email_verified": rules.Person.Verified})
	}
	if rules.Claims != nil {
		rules.Claims(claims)
	}
	s.mu.Lock()
	key := s.key
	s.mu.Unlock()
	token := Sign(claims, jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key})
	if rules.Token != nil {
		token = rules.Token(token)
	}
	return token
}

// Sign returns a token of the claims.
func Sign(claims map[string]any, key jose.SigningKey) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		return err.Error()
	}
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		return err.Error()
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return err.Error()
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		return err.Error()
	}
	return token
}

// who returns whose access token came with a request.
func (s *Server) who(w http.ResponseWriter, r *http.Request) (Person, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.known[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !ok {
		http.Error(w, "who?", http.StatusUnauthorized)
	}
	return p, ok
}

func (s *Server) userInfo(w http.ResponseWriter, r *http.Request) {
	if p, ok := s.who(w, r); ok {
		write(w, http.StatusOK, map[string]any{"sub": p.Subject, "email": p.Email, "email_verified": p.Verified})
	}
}

func (s *Server) user(w http.ResponseWriter, r *http.Request) {
	if p, ok := s.who(w, r); ok {
		write(w, http.StatusOK, map[string]any{"id": json.Number(p.Subject), "login": "ada", "email": "shown@example.com"})
	}
}

func (s *Server) emails(w http.ResponseWriter, r *http.Request) {
	if p, ok := s.who(w, r); ok {
		write(w, http.StatusOK, []map[string]any{
			{"email": "second@example.com", "primary": false, "verified": true},
			{"email": p.Email, "primary": true, "verified": p.Verified},
		})
	}
}
