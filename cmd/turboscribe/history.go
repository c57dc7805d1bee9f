package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/turboscribe/turboscribe/cmd/turboscribe/internal/client"
)

func (a *app) historyCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "history ID",
		Short: "Show what has happened to a transcription, oldest first",
		Args:  withUsage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			events, err := a.history(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if asJSON {
				raw := make([]json.RawMessage, len(events))
				for i, e := range events {
					raw[i] = e.Raw
				}
				return a.printJSON(raw)
			}
			return a.printHistory(events)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// history returns all of it.
func (a *app) history(ctx context.Context, id string) (all []client.Event, err error) {
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	for cursor := ""; ; {
		page, next, err := c.History(ctx, id, cursor)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if next == "" || len(page) == 0 {
			return all, nil
		}
		cursor = next
	}
}

func (a *app) printHistory(events []client.Event) error {
	return a.table("TIME\tRUN\tEVENT\tBY\tDETAILS", len(events), func(i int) []string {
		e := events[i]
		by := strings.TrimSpace(e.Actor.Kind + " " + e.Actor.Name)
		return []string{e.At.Local().Format("2006-01-02 15:04:05"), strconv.Itoa(e.Run), e.Type, by, facts(e.Details)}
	})
}

// facts returns details in a line, in alphabetical order.
func facts(details map[string]any) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(details)) {
		parts = append(parts, fmt.Sprintf("%s=%v", key, details[key]))
	}
	return strings.Join(parts, " ")
}
