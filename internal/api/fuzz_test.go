package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// FuzzParseCursor: a cursor comes back as it went, and nothing else is one.
func FuzzParseCursor(f *testing.F) {
	f.Add(formatCursor(transcription.Cursor{CreatedAt: time.Unix(1700000000, 123456789), ID: uuid.UUID{1, 2, 3}}))
	f.Add(strings.Repeat("_", 32))
	f.Add(strings.Repeat("0", 19) + "\n" + strings.Repeat("0", 13))
	f.Add("AAAA")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseCursor(s)
		if err != nil {
			if c != (transcription.Cursor{}) || fault.Of(err).Code != "invalid_cursor" {
				t.Errorf("%q: got %+v, %v", s, c, err)
			}
			return
		}
		if s != "" && formatCursor(c) != s {
			t.Errorf("%q comes back as %q", s, formatCursor(c))
		}
	})
}

// FuzzParsePlace: so do those of the other lists.
func FuzzParsePlace(f *testing.F) {
	f.Add(formatPlace(1 << 40))
	f.Add(formatMark(uuid.UUID{1, 2, 3}))
	f.Add("__________8")
	f.Add("00000000000\r")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parsePlace(s)
		if err == nil && s != "" && formatPlace(n) != s || err != nil && (n != 0 || fault.Of(err).Code != "invalid_cursor") {
			t.Errorf("%q: got the place %d, %v", s, n, err)
		}
		id, err := parseMark(s)
		if err == nil && s != "" && formatMark(id) != s || err != nil && (id != uuid.Nil || fault.Of(err).Code != "invalid_cursor") {
			t.Errorf("%q: got the mark %s, %v", s, id, err)
		}
	})
}

// FuzzReadJSON: whatever the body, it is read to its end or refused in words.
func FuzzReadJSON(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a","count":1,"list":["a"],"at":"2026-01-02T03:04:05Z","inner":{"on":true}}`, `{"name":1}`, `{"count":1e999}`, `{"other":1}`, `{"name":"\ud800"}`,
		`{} {}`, `[]`, `null`, ``, "\xef\xbb\xbf{}", `{"name":"a","name":"b","NAME":"c"}`, strings.Repeat(`{"inner":`, 20_000),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var v struct {
			Name  string
			Count int
			List  []string
			At    *time.Time
			Inner struct{ On bool }
		}
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		err := readJSON(echo.New().NewContext(r, httptest.NewRecorder()), &v)
		if err == nil && !json.Valid(body) {
			t.Errorf("%q passed for JSON", body)
		}
		if err != nil && (fault.Of(err).Code != "malformed_json" || fault.Of(err).Message == "") {
			t.Errorf("%q: got %v", body, err)
		}
	})
}

// FuzzForm reads whatever a client sends as a form: it ends, every refusal is a
// fault the client can read, and the options are bounded.
func FuzzForm(f *testing.F) {
	const head = "--b\r\nContent-Disposition: form-data; name="
	f.Add([]byte(head + "model\r\n\r\nsmall\r\n" + head + "file; filename=a\r\n\r\nsound\r\n" + head + "channels\r\n\r\nsplit\r\n" + head + "translate\r\n\r\ntrue\r\n--b--\r\n"))
	f.Add([]byte(head + "file\r\n\r\nsound\r\n" + head + "file\r\n\r\nsound\r\n--b--\r\n"))
	f.Add([]byte(head + "prompt\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4\xff\r\n--b--\r\n"))
	f.Add([]byte("--b--\r\n"))
	f.Add([]byte("--b\r\n"))
	f.Add([]byte(head + "file\r\n\r\nsound\r\n--b\r\n"))
	f.Add([]byte(head + "file\r\n\r\nsound\r\n--b--"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest(http.MethodPost, uploadPath, bytes.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		in, err := newForm(r)
		if err != nil {
			t.Fatal(err)
		}
		options, err := drain(in)
		if err == nil && !bytes.Contains(body, []byte("--b--")) {
			t.Errorf("%q passed for a whole form", body)
		}
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: got %v, want a fault", body, err)
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v would pass for the end of a short file", body, err)
		}
		if len(options.Prompt) > 3*maxField || len(options.Model) > 3*maxField {
			t.Errorf("%q: got options of %d bytes", body, len(options.Prompt))
		}
	})
}

func drain(in *form) (transcription.Options, error) {
	file, err := in.untilFile()
	if err != nil {
		return in.options, err
	}
	if _, err := io.Copy(io.Discard, filePart{file, in}); err != nil {
		return in.options, err
	}
	err = in.rest()
	return in.options, err
}

// TestHandlers_areShort: what does not fit belongs into a service.
func TestHandlers_areShort(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	handlers := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !isHandler(fn) {
				continue
			}
			handlers++
			if lines := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1; lines > 25 {
				t.Errorf("%s: %s has %d lines", name, fn.Name.Name, lines)
			}
		}
	}
	if handlers < 14 {
		t.Errorf("found %d handlers, there are more", handlers)
	}
}

// isHandler reports whether fn is a method func(c echo.Context) error.
func isHandler(fn *ast.FuncDecl) bool {
	if fn.Recv == nil || len(fn.Type.Params.List) != 1 || fn.Type.Results == nil || len(fn.Type.Results.List) != 1 {
		return false
	}
	param, ok := fn.Type.Params.List[0].Type.(*ast.SelectorExpr)
	return ok && param.Sel.Name == "Context"
}
