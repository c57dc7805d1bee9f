package transcription

import (
	"strings"
	"unicode"
)

// writeMarkdown writes a document: title, facts and notes, then the paragraphs.
func writeMarkdown(out *printer, t *Transcription, l Layout) {
	d := NewDocument(t, l)
	out.printf("# %s\n", markdown(d.Title))
	if d.Facts != "" {
		out.printf("\n%s\n", markdown(d.Facts))
	}
	for _, n := range d.Notes {
		out.printf("\n> %s\n", markdown(n))
	}
	for p := range d.Paragraphs {
		out.printf("\n")
		if p.Time != "" {
			out.printf("`%s` ", p.Time)
		}
		if p.Speaker != "" {
			out.printf("**%s:** ", markdown(p.Speaker))
		}
		out.printf("%s\n", markdown(p.Text))
	}
}

var markdownEscape = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`,
	"<", `\<`, ">", `\>`, "#", `\#`, "|", `\|`, "~", `\~`, "&", `\&`, "$", `\$`)

// markdown returns s, which is on one line, so that it is read as text: not as markup,
// nor as the beginning of a list or of a line across the page.
func markdown(s string) string {
	s = markdownEscape.Replace(s)
	number := strings.TrimLeftFunc(s, unicode.IsDigit)
	switch {
	case strings.HasPrefix(s, "-"), strings.HasPrefix(s, "+"), strings.HasPrefix(s, "="):
		return `\` + s
	case number != s && (strings.HasPrefix(number, ".") || strings.HasPrefix(number, ")")):
		return s[:len(s)-len(number)] + `\` + number
	default:
		return s
	}
}
