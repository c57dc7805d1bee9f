package pdf

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/font/opentype"
	"github.com/go-text/typesetting/language"
)

// latin are the fonts for everything that has no other, the best first.
var latin = []string{"NotoSans", "DejaVuSans", "LiberationSans"}

// symbols are the fonts for signs that the others lack.
var symbols = []string{"NotoSansSymbols2", "NotoSansSymbols", "NotoSansMath", "NotoSansMusic", "DejaVuSans"}

// cjk are the fonts of East Asia. Those of Noto are of a kind that cannot be embedded yet.
var cjk = []string{"DroidSansFallbackFull", "DroidSansFallback", "ipagp", "NanumGothic"}

// scripts are the fonts of each script, by the beginning of their files' names.
var scripts = map[language.Script][]string{
	language.Adlam:      {"NotoSansAdlam"},
	language.Arabic:     {"NotoSansArabic", "NotoNaskhArabic", "DejaVuSans"},
	language.Armenian:   {"NotoSansArmenian", "DejaVuSans"},
	language.Bengali:    {"NotoSansBengali"},
	language.Bopomofo:   cjk,
	language.Ethiopic:   {"NotoSansEthiopic"},
	language.Devanagari: {"NotoSansDevanagari"},
	language.Georgian:   {"NotoSansGeorgian", "DejaVuSans"},
	language.Gujarati:   {"NotoSansGujarati"},
	language.Gurmukhi:   {"NotoSansGurmukhi"},
	language.Han:        cjk,
	language.Hangul:     cjk,
	language.Hebrew:     {"NotoSansHebrew", "DejaVuSans"},
	language.Hiragana:   cjk,
	language.Kannada:    {"NotoSansKannada"},
	language.Katakana:   cjk,
	language.Khmer:      {"NotoSansKhmer"},
	language.Lao:        {"NotoSansLao", "DejaVuSans"},
	language.Malayalam:  {"NotoSansMalayalam"},
	language.Mongolian:  {"NotoSansMongolian"},
	language.Myanmar:    {"NotoSansMyanmar"},
	language.Nko:        {"NotoSansNKo", "DejaVuSans"},
	language.Oriya:      {"NotoSansOriya"},
	language.Sinhala:    {"NotoSansSinhala"},
	language.Syriac:     {"NotoSansSyriac"},
	language.Tamil:      {"NotoSansTamil"},
	language.Telugu:     {"NotoSansTelugu"},
	language.Thaana:     {"NotoSansThaana"},
	language.Thai:       {"NotoSansThai"},
	language.Tibetan:    {"NotoSerifTibetan", "NotoSansTibetan"},
}

// library are the fonts that are installed.
type library struct {
	paths map[string]string // of files, by their names without the extension

	mu    sync.Mutex
	fonts map[string]*typeface // that were asked for, by the same; nil: it cannot be used
}

// typeface is a font file.
type typeface struct {
	name   string
	font   *font.Font
	tables map[string][]byte // that an embedded font has
}

func openLibrary(dirs []string) (*library, error) {
	l := &library{paths: map[string]string{}, fonts: map[string]*typeface{}}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if stem, ok := strings.CutSuffix(filepath.Base(path), ".ttf"); ok && err == nil && !d.IsDir() {
				stem, _, _ = strings.Cut(stem, "[") // the axes of a variable font, which is embedded as it is by default
				if _, known := l.paths[stem]; !known {
					l.paths[stem] = path
				}
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("look for fonts in %s: %w", dir, err)
		}
	}
	return l, nil
}

// styled returns the names that a font may have in a weight, the best first.
func styled(stem string, bold bool) []string {
	regular := []string{stem + "-Regular", stem}
	if bold {
		return append([]string{stem + "-Bold"}, regular...)
	}
	return regular
}

// find returns the fonts of these stems that are installed and can be used, in that
// order.
func (l *library) find(stems []string, bold bool) (found []*typeface) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, stem := range stems {
		for _, name := range styled(stem, bold) {
			if f := l.open(name); f != nil {
				found = append(found, f)
				break
			}
		}
	}
	return found
}

// open returns a font, nil when it is not installed or cannot be used: another may do.
func (l *library) open(name string) *typeface {
	path, ok := l.paths[name]
	if !ok {
		return nil
	}
	f, asked := l.fonts[name]
	if !asked {
		f = readTypeface(name, path)
		l.fonts[name] = f
	}
	return f
}

// needed are the tables without which there is nothing to embed, optional the others
// that go into an embedded font.
var (
	needed   = []string{"glyf", "head", "hhea", "hmtx", "loca", "maxp"}
	optional = []string{"cvt ", "fpgm", "prep"}
)

func readTypeface(name, path string) *typeface {
	file, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil
	}
	loader, err := opentype.NewLoader(bytes.NewReader(file))
	if err != nil {
		return nil
	}
	parsed, err := font.NewFont(loader)
	if err != nil {
		return nil
	}
	t := &typeface{name: name, font: parsed, tables: map[string][]byte{}}
	for _, tag := range needed {
		if t.tables[tag], err = loader.RawTable(opentype.MustNewTag(tag)); err != nil {
			return nil
		}
	}
	for _, tag := range optional {
		if table, err := loader.RawTable(opentype.MustNewTag(tag)); err == nil {
			t.tables[tag] = table
		}
	}
	return t
}
