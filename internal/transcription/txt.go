package transcription

// writeTXT writes paragraphs, each on a line.
func writeTXT(out *printer, t *Transcription, l Layout) {
	first := true
	for p := range Paragraphs(t, l) {
		if !first {
			out.printf("\n")
		}
		first = false
		if p.Time != "" {
			out.printf("[%s] ", p.Time)
		}
		if p.Speaker != "" {
			out.printf("%s: ", p.Speaker)
		}
		out.printf("%s\n", p.Text)
	}
}
