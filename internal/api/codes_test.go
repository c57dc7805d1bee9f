package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// own are codes that no client hears of, or not under the status of their kind: of programs
// that do not start, of engines, of a client that is gone, of objects.
var own = []string{
	"canceled", "file_not_found", "admin_email_taken",
	"engine_closed", "engine_crashed", "engine_interrupted", "model_not_loaded", "no_backend", "no_gpu", "no_model", "out_of_memory", "speech_model_damaged", "window_too_long",
	"method_not_allowed", // which has its status from the router
}

// TestErrorCodes holds the tables of the documentation to the codes in the source: each is
// there, under its status or among those of transcriptions that have failed, and nothing else.
func TestErrorCodes(t *testing.T) {
	t.Parallel()
	found, literals := codesInSource(t)
	rows, failures := codesInDocs(t)
	for code, kinds := range found {
		if slices.Contains(own, code) || failures[code] {
			continue
		}
		for kind := range kinds {
			status := api.StatusOf(kind)
			if kind == "" && !slices.ContainsFunc(slices.Collect(maps.Values(rows)), func(row []string) bool { return slices.Contains(row, code) }) {
				t.Errorf("the documentation lacks %s", code)
			}
			if kind != "" && !slices.Contains(rows[status], code) {
				t.Errorf("the documentation lacks %s at %d", code, status)
			}
		}
	}
	for status, row := range rows {
		for i, code := range row {
			if slices.Contains(row[:i], code) {
				t.Errorf("the documentation has %s twice at %d", code, status)
			}
			if !literals[code] {
				t.Errorf("the documentation has %s at %d, which is nowhere in the source", code, status)
			}
		}
	}
}

// codesInSource returns the codes with the kinds of fault they come with, empty where that is
// decided elsewhere, and all strings.
func codesInSource(t *testing.T) (codes map[string]map[fault.Kind]bool, literals map[string]bool) {
	t.Helper()
	codes, literals = map[string]map[fault.Kind]bool{}, map[string]bool{
		"method_not_allowed": true, "precondition_failed": true, "requested_range_not_satisfiable": true, // of net/http
	}
	s := &codeReader{codes: codes, literals: literals, named: map[string]string{}}
	var files []*ast.File
	for _, root := range []string{"../../internal", "../../cmd"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(filepath.Dir(path), "test") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			files = append(files, f)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range files {
		ast.Inspect(f, s.constant)
	}
	for _, f := range files {
		ast.Inspect(f, s.call)
	}
	return codes, literals
}

// codeReader collects codes.
type codeReader struct {
	codes    map[string]map[fault.Kind]bool
	literals map[string]bool
	named    map[string]string // constants
}

func (s *codeReader) constant(n ast.Node) bool {
	if v, ok := n.(*ast.ValueSpec); ok && len(v.Names) == len(v.Values) {
		for i, name := range v.Names {
			if text, ok := s.text(v.Values[i]); ok {
				s.named[name.Name] = text
			}
		}
	}
	if e, ok := n.(ast.Expr); ok {
		if text, ok := s.text(e); ok {
			s.literals[text] = true
		}
	}
	return true
}

// text returns the value of a string or of a constant.
func (s *codeReader) text(e ast.Expr) (string, bool) {
	if id, ok := e.(*ast.Ident); ok {
		text, ok := s.named[id.Name]
		return text, ok
	}
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

func (s *codeReader) call(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return true
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || method.Sel.Name != "WithCode" {
		return true
	}
	if code, ok := s.text(call.Args[0]); ok {
		if s.codes[code] == nil {
			s.codes[code] = map[fault.Kind]bool{}
		}
		s.codes[code][kindOf(method.X)] = true
	}
	return true
}

// kindOf returns the kind of the fault that an expression makes, empty where it does not say so.
func kindOf(e ast.Expr) fault.Kind {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return ""
	}
	for _, arg := range call.Args {
		if k, ok := arg.(*ast.SelectorExpr); ok {
			if x, ok := k.X.(*ast.Ident); ok && x.Name == "fault" {
				return kinds[k.Sel.Name]
			}
		}
	}
	if method, ok := call.Fun.(*ast.SelectorExpr); ok {
		return kindOf(method.X)
	}
	return ""
}

var kinds = map[string]fault.Kind{
	"Invalid": fault.Invalid, "Unauthenticated": fault.Unauthenticated, "Forbidden": fault.Forbidden, "NotFound": fault.NotFound, "Gone": fault.Gone,
	"Conflict": fault.Conflict, "Stale": fault.Stale, "TooLarge": fault.TooLarge, "Unsupported": fault.Unsupported, "RateLimited": fault.RateLimited,
	"Damaged": fault.Damaged, "Unavailable": fault.Unavailable, "Internal": fault.Internal,
}

var (
	statusRow  = regexp.MustCompile(`^\| (\d{3}) \| (.*)\|$`)
	failureRow = regexp.MustCompile("^\\| (`.*`) \\| ")
	codeInRow  = regexp.MustCompile("`([a-z0-9]+(?:_[a-z0-9]+)*)`")
)

// codesInDocs returns the codes of each status, and those of transcriptions that have failed.
func codesInDocs(t *testing.T) (rows map[int][]string, failures map[string]bool) {
	t.Helper()
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Errors\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows, failures = map[int][]string{}, map[string]bool{}
	for line := range strings.Lines(section) {
		line = strings.TrimSpace(line)
		if m := statusRow.FindStringSubmatch(line); m != nil {
			status, _ := strconv.Atoi(m[1])
			for _, c := range codeInRow.FindAllStringSubmatch(m[2], -1) {
				rows[status] = append(rows[status], c[1])
			}
			continue
		}
		if m := failureRow.FindStringSubmatch(line); m != nil {
			for _, c := range codeInRow.FindAllStringSubmatch(m[1], -1) {
				failures[c[1]] = true
			}
		}
	}
	return rows, failures
}
