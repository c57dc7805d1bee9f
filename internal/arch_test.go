package internal

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/turboscribe/turboscribe"

// core lists the packages that know the problem, and what each may import.
var core = map[string][]string{
	"fault":         {},
	"audio":         {},
	"rate":          {},
	"auth":          {"fault", "rate"},
	"transcription": {"fault", "auth", "audio"},
	"webhook":       {"fault", "auth", "transcription"},
	"pipeline":      {"fault", "audio", "transcription"},
	"privacy":       {"fault", "auth", "transcription", "webhook"},
	"seal":          {"fault", "transcription"},
}

// edges lists the packages that know one technology each. They import the core
// and never each other; cmd alone joins them.
var edges = []string{"api", "task", "postgres", "kv", "blob", "media", "whisper", "pdf", "daemon", "mail", "oidc"}

// owners names the packages that may import each library: one, unless a second
// is there for a reason.
var owners = map[string][]string{
	"github.com/labstack/echo":         {"api"},
	"github.com/hibiken/asynq":         {"task"},
	"github.com/hibiken/asynqmon":      {"task"},
	"github.com/uptrace/bun":           {"postgres"},
	"github.com/jackc/pgx":             {"postgres"},
	"github.com/redis/go-redis":        {"kv", "task"}, // task wakes the workers of asynq over it
	"github.com/aws/aws-sdk-go-v2":     {"blob"},
	"github.com/golang-jwt/jwt":        {"auth"},
	"golang.org/x/crypto/argon2":       {"auth"},
	"github.com/wneessen/go-mail":      {"mail"},
	"github.com/gabriel-vasile":        {"media"},
	"github.com/minio/sio":             {"seal"},
	"github.com/go-text/typesetting":   {"pdf"},
	"golang.org/x/image":               {"media", "pdf"}, // RIFF, and glyphs
	"github.com/ggerganov/whisper.cpp": {"whisper"},
	"github.com/coreos/go-oidc":        {"oidc"},
	"github.com/go-jose/go-jose":       {"oidc"},
	"golang.org/x/oauth2":              {"oidc"},
	"C":                                {"whisper"},
	"os/exec":                          {"media", "whisper"}, // whisper re-executes the worker to hold the engine
	"os/signal":                        {"daemon"},
}

func TestImports(t *testing.T) {
	t.Parallel()
	for file, imports := range files(t) {
		for _, complaint := range complaints(file, imports) {
			t.Error(complaint)
		}
	}
}

// TestImports_seeded shows that the rule bites: each import below breaks it.
func TestImports_seeded(t *testing.T) {
	t.Parallel()
	for file, imp := range map[string]string{
		"utils/strings.go":       "strings",
		"fault/a.go":             module + "/internal/auth",
		"auth/a.go":              module + "/internal/postgres",
		"api/a.go":               module + "/internal/task",
		"pipeline/a.go":          module + "/config",
		"transcription/a.go":     "github.com/uptrace/bun",
		"api/b.go":               "os/exec",
		"postgres/b.go":          "github.com/redis/go-redis/v9",
		"transcription/b.go":     module + "/internal/pipeline",
		"webhook/a.go":           module + "/internal/pipeline",
		"media/a.go":             "C",
		"transcription/c.go":     "github.com/go-text/typesetting/shaping",
		"kv/a.go":                module + "/migrations",
		"blob/a.go":              "github.com/minio/sio",
		"blob/subpackage/sub.go": module + "/internal/kv",
	} {
		if len(complaints(file, []string{imp})) == 0 {
			t.Errorf("%s may import %s", file, imp)
		}
	}
}

// complaints returns what is wrong with the imports of one file, whose name is
// relative to internal/.
func complaints(file string, imports []string) (found []string) {
	from, _, _ := strings.Cut(file, "/")
	mayImport, inCore := core[from]
	if !inCore && !slices.Contains(edges, from) {
		found = append(found, file+": package "+from+" is on no list in this file")
	}
	for _, imp := range imports {
		path, ours := strings.CutPrefix(imp, module+"/")
		to, _, _ := strings.Cut(strings.TrimPrefix(path, "internal/"), "/")
		switch {
		case path == "migrations" && from == "postgres":
		case ours && !strings.HasPrefix(path, "internal/"):
			found = append(found, file+" imports "+path+", which is for cmd")
		case ours && to == from:
		case ours && slices.Contains(edges, to):
			found = append(found, file+" imports "+path+", which is for cmd to join")
		case ours && inCore && !slices.Contains(mayImport, to):
			found = append(found, file+" imports "+path+", against the order of the core")
		}
		for lib, pkgs := range owners {
			if (imp == lib || strings.HasPrefix(imp, lib+"/")) && !slices.Contains(pkgs, from) {
				found = append(found, file+" imports "+imp+", which belongs to "+strings.Join(pkgs, ", "))
			}
		}
	}
	return found
}

// files returns the imports of every non-test file below this directory.
func files(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		name = filepath.ToSlash(name)
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || !strings.Contains(name, "/") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			found[name] = append(found[name], path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
