package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/turboscribe/turboscribe/cmd/turboscribe/internal/client"
)

// pageSize is how many items one request asks for.
const pageSize = 100

func (a *app) listCommand() *cobra.Command {
	var f client.Filter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List transcriptions, newest first",
		Args:  withUsage(cobra.NoArgs),
	}
	cmd.Flags().StringVar(&f.Status, "status", "", "only those of this status, such as completed or failed")
	return a.listing(cmd, &f, 20, a.printTable)
}

// listing makes a command list transcriptions: those that a filter lets pass, which it has
// flags for, and in which its arguments are found.
func (a *app) listing(cmd *cobra.Command, f *client.Filter, limit int, show func([]client.Transcription) error) *cobra.Command {
	var asJSON bool
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f.Query = strings.Join(args, " ")
		items, err := a.list(cmd.Context(), *f, limit)
		if err != nil {
			return err
		}
		if asJSON {
			return a.printItems(items)
		}
		return show(items)
	}
	cmd.Flags().IntVar(&limit, "limit", limit, "how many at most")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&f.Name, "name", "", "only those with this in the file's name, or something like it")
	cmd.Flags().StringVar(&f.Language, "language", "", "only those in this language, such as en")
	cmd.Flags().StringVar(&f.Speaker, "speaker", "", "only those in which this speaker is heard")
	cmd.Flags().StringVar(&f.Tag, "tag", "", "only those with this tag")
	cmd.Flags().StringVar(&f.From, "from", "", "only those uploaded on this day, such as 2026-03-01, or later")
	cmd.Flags().StringVar(&f.To, "to", "", "only those uploaded before this day")
	return cmd
}

// list returns the newest transcriptions that a filter lets pass, and says so if there may
// be more.
func (a *app) list(ctx context.Context, f client.Filter, limit int) (items []client.Transcription, err error) {
	if limit < 1 {
		return nil, usage("--limit must be at least 1")
	}
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	for len(items) < limit {
		f.Limit = min(limit-len(items), pageSize)
		page, err := c.Transcriptions(ctx, f)
		if err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		if f.Cursor = page.Next; f.Cursor == "" || len(page.Items) == 0 {
			break
		}
	}
	items = items[:min(limit, len(items))]
	if f.Cursor != "" {
		a.say("The newest %d are shown, and there may be more: --limit", len(items))
	}
	return items, nil
}

func (a *app) printItems(items []client.Transcription) error {
	raw := make([]json.RawMessage, len(items))
	for i, t := range items {
		raw[i] = t.Raw
	}
	return a.printJSON(raw)
}

func (a *app) printJSON(v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return a.print("%s\n", lines(string(b)))
}

func (a *app) printTable(items []client.Transcription) error {
	return a.table("ID\tSTATUS\tLENGTH\tCREATED\tFILE", len(items), func(i int) []string {
		t := items[i]
		status, length := t.Status, "-"
		if !t.Final() && t.Progress > 0 {
			status = fmt.Sprintf("%s %.0f%%", status, t.Progress*100)
		}
		if t.Duration > 0 {
			length = secondsText(t.Duration)
		}
		return []string{t.ID, status, length, t.CreatedAt.Local().Format("2006-01-02 15:04"), t.FileName}
	})
}

// table prints n rows in aligned columns below a head.
func (a *app) table(head string, n int, row func(i int) []string) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	rows := []string{head}
	for i := range n {
		cells := row(i)
		for j := range cells {
			cells[j] = inline(cells[j])
		}
		rows = append(rows, strings.Join(cells, "\t"))
	}
	if _, err := fmt.Fprintln(w, strings.Join(rows, "\n")); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return a.print("%s", b.String())
}
