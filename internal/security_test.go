package internal

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// verdicts are what a row of the table of docs/security.md may say of a requirement.
var verdicts = []string{"test", "reason", "not met", "n/a"}

var (
	row    = regexp.MustCompile(`(?m)^\| (\d+\.\d+\.\d+) \| ([12]) \| ([^|]+) \| ([^|]*) \| ([^|]+) \| ([^|]+) \|$`)
	quoted = regexp.MustCompile("`([^`\n]+)`")
	named  = regexp.MustCompile(`^(Test|Fuzz)\w+$`)
	inTree = regexp.MustCompile(`^(\.github|cmd|config|deploy|docs|internal|migrations|models|scripts)/|^[A-Za-z.]+\.(md|mod|sum|yaml|api|worker)$`)
	total  = regexp.MustCompile(`(?m)^\| (test|reason|not met|n/a) \|[^|]+\| (\d+) \|$`)
	tester = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
)

// sources are what the document on security is held against.
type sources struct {
	requirements string          // an id and its level a line
	tests        map[string]bool // by name
	exists       func(file string) bool
}

// TestSecurity: what docs/security.md says of the ASVS is complete, its figures add up, and
// the tests and files that it names are there.
func TestSecurity(t *testing.T) {
	t.Parallel()
	for _, complaint := range newSources(t).complain(text(t, "../docs/security.md")) {
		t.Error(complaint)
	}
}

// TestSecurity_seeded shows that each kind of lie is found.
func TestSecurity_seeded(t *testing.T) {
	t.Parallel()
	s := sources{"1.1.1 1\n1.1.2 2\n", map[string]bool{"TestThis": true}, func(file string) bool { return file == "docs/this.md" }}
	const truth = "| test | x | 1 |\n| reason | x | 0 |\n| not met | x | 1 |\n| n/a | x | 0 |\n" +
		"| 1.1.1 | 1 | a | test | `docs/this.md` | `TestThis` |\n| 1.1.2 | 2 | b | not met | – | why |\n"
	if found := s.complain(truth); len(found) > 0 {
		t.Errorf("got %v of the truth", found)
	}
	for name, lie := range map[string]*strings.Replacer{
		"missing":               strings.NewReplacer("1.1.2", "1.1.3"),
		"twice":                 strings.NewReplacer("1.1.2", "1.1.1"),
		"another level":         strings.NewReplacer("| 1.1.1 | 1 |", "| 1.1.1 | 2 |"),
		"no verdict":            strings.NewReplacer("not met | –", "fine | –"),
		"no test":               strings.NewReplacer("`TestThis`", "see there"),
		"a test that is gone":   strings.NewReplacer("TestThis", "TestThat"),
		"a file that is gone":   strings.NewReplacer("docs/this.md", "docs/that.md"),
		"a figure that is none": strings.NewReplacer("| test | x | 1 |", "| test | x | 2 |"),
	} {
		if len(s.complain(lie.Replace(truth))) == 0 {
			t.Errorf("%s: no complaint", name)
		}
	}
}

// complain returns what is wrong with the document.
func (s sources) complain(document string) (found []string) {
	said := map[string]int{}
	var requirements []string
	for _, r := range row.FindAllStringSubmatch(document, -1) {
		id, verdict := r[1], r[4]
		requirements = append(requirements, id+" "+r[2])
		said[verdict]++
		if !slices.Contains(verdicts, verdict) {
			found = append(found, fmt.Sprintf("%s: %q is no verdict", id, verdict))
		}
		if verdict == "test" && !slices.ContainsFunc(quotes(r[6]), named.MatchString) {
			found = append(found, id+": no test is named")
		}
	}
	if want := strings.Fields(s.requirements); !slices.Equal(strings.Fields(strings.Join(requirements, " ")), want) {
		found = append(found, "the table does not have every requirement once and in order, with its level; the first that differs is "+differs(requirements, s.requirements))
	}
	return append(found, slices.Concat(s.gone(document), miscounted(document, said))...)
}

// differs returns the first requirement that is not where it belongs.
func differs(got []string, requirements string) string {
	for i, want := range strings.Split(strings.TrimSpace(requirements), "\n") {
		if i >= len(got) || got[i] != want {
			return want
		}
	}
	return "behind the last"
}

// gone returns complaints about tests and files that are named and not there.
func (s sources) gone(document string) (found []string) {
	for _, name := range quotes(document) {
		file, _, _ := strings.Cut(name, "#")
		if named.MatchString(name) && !s.tests[name] || inTree.MatchString(name) && !s.exists(file) {
			found = append(found, "there is no "+name)
		}
	}
	return found
}

// miscounted returns complaints about the figures of the summary.
func miscounted(document string, said map[string]int) (found []string) {
	told := map[string]string{}
	for _, m := range total.FindAllStringSubmatch(document, -1) {
		told[m[1]] = m[2]
	}
	for _, verdict := range verdicts {
		if want := strconv.Itoa(said[verdict]); told[verdict] != want {
			found = append(found, fmt.Sprintf("%s rows say %q, the summary has %s", want, verdict, cmp.Or(told[verdict], "none")))
		}
	}
	return found
}

func quotes(text string) (found []string) {
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

func newSources(t *testing.T) sources {
	t.Helper()
	s := sources{requirements: text(t, "testdata/asvs-5.0.0.txt"), tests: map[string]bool{}, exists: func(file string) bool {
		_, err := os.Stat(filepath.Join("..", file))
		return err == nil
	}}
	for _, top := range []string{".", "../cmd", "../config"} {
		err := filepath.WalkDir(top, func(name string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(name, "_test.go") {
				return err
			}
			for _, m := range tester.FindAllStringSubmatch(text(t, name), -1) {
				s.tests[m[1]] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func text(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
