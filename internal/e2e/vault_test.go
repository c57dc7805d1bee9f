//go:build e2e

package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// vault knows every secret that has been used in a run, so that the logs can be searched for
// them. None may ever be there, whatever the level.
type vault struct {
	mu      sync.Mutex
	secrets map[string]string // and what each is
}

// known are the secrets of this run.
var known = &vault{secrets: map[string]string{}}

// stem is how many bytes of a secret are looked up at once; shorter ones are not looked for.
const stem = 8

// add remembers a secret, and how it looks in a URL and in base64. Of a JWT the signature is
// the secret, and all that differs from one to the other in the first bytes.
func (v *vault) add(what, secret string) {
	if strings.HasPrefix(secret, "eyJ") {
		secret = secret[strings.LastIndexByte(secret, '.')+1:]
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range []string{secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))} {
		if len(secret) >= stem {
			v.secrets[s] = what
		}
	}
}

// addSettings remembers those of the programs.
func (v *vault) addSettings(env map[string]string) {
	for name, value := range env {
		switch name {
		case "TS_JWT_SECRET", "TS_ENCRYPTION_KEY":
			for s := range strings.SplitSeq(value, ",") {
				v.add(name, s)
			}
		case "TS_DATABASE_URL", "TS_REDIS_URL":
			if u, err := url.Parse(value); err == nil && u.User != nil {
				password, _ := u.User.Password()
				v.add(name, password)
			}
		default:
			if strings.HasSuffix(name, "_SECRET_KEY") || strings.HasSuffix(name, "_PASSWORD") || strings.HasSuffix(name, "_SECRET") {
				v.add(name, value)
			}
		}
	}
}

// fields are the names of secrets in JSON.
var fields = regexp.MustCompile(`"(token|refreshToken|csrfToken|secret|key|password|newPassword|currentPassword)"\s*:\s*"([^"]+)"`)

// linked finds the token of a link in a path.
var linked = regexp.MustCompile(`^(?:/s/|/api/v1/shared/)([^/]+)`)

// addJSON remembers those in a body.
func (v *vault) addJSON(body []byte) {
	for _, found := range fields.FindAllSubmatch(body, -1) {
		v.add("the field "+string(found[1]), string(found[2]))
	}
}

// watch remembers what requests and answers hold on their way through next.
func (v *vault) watch(next http.RoundTripper) http.RoundTripper { return watcher{v, next} }

type watcher struct {
	*vault
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (w watcher) RoundTrip(r *http.Request) (*http.Response, error) {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	w.add("a token in a request", token)
	if found := linked.FindStringSubmatch(r.URL.Path); found != nil {
		w.add("the token of a link", found[1])
	}
	for _, c := range r.Cookies() {
		w.add("the cookie "+c.Name, c.Value)
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") && r.GetBody != nil {
		if err := w.readRequest(r); err != nil {
			return nil, err
		}
	}
	res, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	for _, c := range res.Cookies() {
		w.add("the cookie "+c.Name, c.Value)
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") && !strings.Contains(r.URL.Path, "/transcriptions") {
		return res, w.readAnswer(res)
	}
	return res, nil
}

func (w watcher) readRequest(r *http.Request) error {
	body, err := r.GetBody()
	if err != nil {
		return err
	}
	b, err := io.ReadAll(body)
	w.addJSON(b)
	return err
}

func (w watcher) readAnswer(res *http.Response) error {
	b, err := io.ReadAll(res.Body)
	w.addJSON(b)
	err = errors.Join(err, res.Body.Close())
	res.Body = io.NopCloser(bytes.NewReader(b))
	return err
}

// search returns an error that names every file in the directories that a secret is in, and
// which.
func (v *vault) search(dirs ...string) error {
	v.mu.Lock()
	stems := map[uint64][]string{}
	for s := range v.secrets {
		first := binary.LittleEndian.Uint64([]byte(s))
		stems[first] = append(stems[first], s)
	}
	v.mu.Unlock()
	var errs []error
	for _, dir := range dirs {
		logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
		errs = append(errs, err)
		for _, log := range logs {
			b, err := os.ReadFile(log)
			errs = append(errs, err)
			for i := range max(0, len(b)-stem+1) {
				for _, s := range stems[binary.LittleEndian.Uint64(b[i:])] {
					if bytes.HasPrefix(b[i:], []byte(s)) {
						errs = append(errs, v.finding(log, b, i, s))
					}
				}
			}
		}
	}
	return errors.Join(errs...)
}

// finding tells of a secret in a log, without telling it.
func (v *vault) finding(log string, b []byte, at int, secret string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	line := b[bytes.LastIndexByte(b[:at], '\n')+1:]
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	return fmt.Errorf("%s is in %s: %.500s", v.secrets[secret], filepath.Base(log), bytes.ReplaceAll(line, []byte(secret), []byte("***")))
}

// TestVault shows that a secret in a log is found, however it got there and in whatever form.
func TestVault(t *testing.T) {
	t.Parallel()
	v := &vault{secrets: map[string]string{}}
	v.addSettings(map[string]string{"TS_DATABASE_URL": "postgres://ann:tiger%20in%20a%20tank@db/ts", "TS_ENCRYPTION_KEY": "first of two keys,second of two keys", "TS_S3_ACCESS_KEY": "no secret at all"})
	v.addJSON([]byte(`{"token":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlIG9mIGEgdG9rZW4","email":"ada@example.com"}`))
	for line, found := range map[string]bool{
		`{"message":"connected as tiger in a tank"}`:           true,
		`GET /?password=tiger+in+a+tank`:                       true,
		`Authorization: Basic dGlnZXIgaW4gYSB0YW5r`:            true,
		`bytea 'second of two keys'`:                           true,
		`token eyJh.eyJz.c2lnbmF0dXJlIG9mIGEgdG9rZW4 refused`:  true,
		`{"email":"ada@example.com","key":"no secret at all"}`: false,
	} {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "api.log"), []byte("{\"level\":\"info\"}\n"+line+"\n{}"))
		err := v.search(dir)
		if (err != nil) != found {
			t.Errorf("%s: got %v", line, err)
		}
		if err != nil && !strings.Contains(err.Error(), "***") {
			t.Errorf("the secret is told again: %v", err)
		}
	}
}
