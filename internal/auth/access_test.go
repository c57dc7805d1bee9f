package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

var testTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func accessService(t testing.TB) *Service {
	t.Helper()
	s, err := NewService(t.Context(), nil, Options{
		Secrets: [][]byte{bytes.Repeat([]byte("s"), 32)}, Issuer: "issuer", Argon2: cheap, Now: func() time.Time { return testTime },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAuthenticate_forged changes one thing of a good token at a time.
func TestAuthenticate_forged(t *testing.T) {
	t.Parallel()
	s := accessService(t)
	key := s.keys[0].access
	unix := func(d time.Duration) int64 { return testTime.Add(d).Unix() }
	tests := []struct {
		name   string
		method jwt.SigningMethod
		key    any
		header map[string]any
		claims map[string]any
		want   string
	}{
		{name: "good", want: ""},
		{name: "expired within the skew of clocks", claims: map[string]any{"exp": unix(-9 * time.Second)}, want: ""},
		{name: "expired", claims: map[string]any{"exp": unix(-11 * time.Second)}, want: "token_expired"},
		{name: "never expires", claims: map[string]any{"exp": nil}, want: "token_invalid"},
		{name: "not yet", claims: map[string]any{"nbf": unix(11 * time.Second)}, want: "token_invalid"},
		{name: "no start", claims: map[string]any{"nbf": nil}, want: "token_invalid"},
		{name: "from the future", claims: map[string]any{"iat": unix(time.Hour)}, want: "token_invalid"},
		{name: "another issuer", claims: map[string]any{"iss": "other"}, want: "token_invalid"},
		{name: "another audience", claims: map[string]any{"aud": "other"}, want: "token_invalid"},
		{name: "no audience", claims: map[string]any{"aud": nil}, want: "token_invalid"},
		{name: "subject is no id", claims: map[string]any{"sub": "ada"}, want: "token_invalid"},
		{name: "no session", claims: map[string]any{"sid": nil}, want: "token_invalid"},
		{name: "another type", header: map[string]any{"typ": "JWT"}, want: "token_invalid"},
		{name: "no type", header: map[string]any{"typ": nil}, want: "token_invalid"},
		{name: "another key id", header: map[string]any{"kid": "other"}, want: "token_invalid"},
		{name: "no key id", header: map[string]any{"kid": nil}, want: "token_invalid"},
		{name: "another key", key: []byte("0123456789abcdef0123456789abcdef"), want: "token_invalid"},
		{name: "not signed", method: jwt.SigningMethodNone, key: jwt.UnsafeAllowNoneSignatureType, want: "token_invalid"},
		{name: "another algorithm", method: jwt.SigningMethodHS512, want: "token_invalid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := jwt.MapClaims{
				"iss": "issuer", "aud": audience, "sub": uuid.NewString(), "sid": uuid.NewString(),
				"iat": unix(0), "nbf": unix(0), "exp": unix(time.Minute), "jti": uuid.NewString(),
			}
			maps.Copy(c, tt.claims)
			maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
			method, with := jwt.SigningMethod(jwt.SigningMethodHS256), any(key)
			if tt.method != nil {
				method = tt.method
			}
			if tt.key != nil {
				with = tt.key
			}
			token := jwt.NewWithClaims(method, c)
			token.Header["typ"], token.Header["kid"] = accessType, s.keys[0].id
			maps.Copy(token.Header, tt.header)
			signed, err := token.SignedString(with)
			if err != nil {
				t.Fatal(err)
			}
			who, err := s.verify(signed)
			got := ""
			if err != nil {
				got = fault.Of(err).Code
			}
			if got != tt.want || (got != "") != (who.UserID == uuid.Nil) {
				t.Errorf("got %+v, %v, want %q", who, err, tt.want)
			}
		})
	}
}

func TestSign_header(t *testing.T) {
	t.Parallel()
	s := accessService(t)
	signed, _, err := s.sign(Actor{UserID: uuid.New(), SessionID: uuid.New()}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(signed, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if got["alg"] != "HS256" || got["typ"] != "at+jwt" || got["kid"] != s.keys[0].id || len(got) != 3 {
		t.Errorf("got %v", got)
	}
}

// FuzzAuthenticate: whatever comes in a header, only what was signed with the key
// gets in, and only in the one spelling in which it was signed.
func FuzzAuthenticate(f *testing.F) {
	s := accessService(f)
	ada := Actor{UserID: uuid.UUID{1}, SessionID: uuid.UUID{2}}
	good, expires, err := s.sign(ada, testTime)
	if err != nil {
		f.Fatal(err)
	}
	ada.Expires = expires.Add(clockSkew)
	parts := strings.Split(good, ".")
	f.Add(good)
	f.Add(parts[0] + "." + parts[1] + ".")
	f.Add("eyJhbGciOiJub25lIn0." + parts[1] + ".")
	f.Add(good + "=")
	f.Add("..")
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		who, err := s.verify(token)
		if err != nil {
			if who.SignedIn() == nil || !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("%q: got %+v, %v, want nobody, unauthenticated", token, who, err)
			}
			return
		}
		dot := strings.LastIndexByte(token, '.')
		mac, err := signingMethod.Sign(token[:dot], s.keys[0].access)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(who, ada) || token[dot+1:] != base64.RawURLEncoding.EncodeToString(mac) {
			t.Errorf("%q let %+v in", token, who)
		}
	})
}
