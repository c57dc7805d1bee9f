package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/turboscribe/turboscribe/cmd/turboscribe/internal/client"
)

func (a *app) searchCommand() *cobra.Command {
	return a.listing(&cobra.Command{
		Use:   "search WORD...",
		Short: "Look for words in the texts, newest first",
		Long: `Look for words in the texts, in any of their forms in the language of each, and
show the first three places of each text. All words are to be there, but for
OR between two. "two words" in quotes are a phrase; what begins with - must
not be there: put -- in front of such a search.`,
		Example: `  turboscribe search budget meeting
  turboscribe search '"next quarter"' OR Q4
  turboscribe search --language en -- budget -draft`,
		Args: withUsage(cobra.MinimumNArgs(1)),
	}, &client.Filter{}, 10, a.printFound)
}

// printFound prints texts with the places where something was found, which are bold in a
// terminal.
func (a *app) printFound(items []client.Transcription) error {
	if len(items) == 0 {
		a.say("Nothing was found.")
	}
	_, bold := terminal(a.stdout)
	for i, t := range items {
		if i > 0 {
			if err := a.print("\n"); err != nil {
				return err
			}
		}
		if err := a.print("%s  %s  %s\n", inline(t.ID), t.CreatedAt.Local().Format("2006-01-02 15:04"), inline(t.FileName)); err != nil {
			return err
		}
		for _, m := range t.Matches {
			if err := a.print("%9s  %s\n", secondsText(m.Start), place(m, bold)); err != nil {
				return err
			}
		}
	}
	return nil
}

// place returns the text of a place, in a line.
func place(m client.Match, bold bool) string {
	var b strings.Builder
	if m.Speaker != "" {
		b.WriteString(inline(m.Speaker) + ": ")
	}
	for _, p := range m.Parts {
		text := inline(p.Text)
		if p.Match && bold {
			text = "\x1b[1m" + text + "\x1b[22m"
		}
		b.WriteString(text)
	}
	return b.String()
}
