package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/turboscribe/turboscribe/cmd/turboscribe/internal/client"
)

func (a *app) queuesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "queues",
		Short: "Show the queues of the server, for administrators",
		Args:  withUsage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			queues, err := c.Queues(cmd.Context())
			if err != nil {
				return err
			}
			return a.table("QUEUE\tWAITING\tDISPATCHED\tRUNNING\tSTATE", len(queues), func(i int) []string {
				q, state := queues[i], "open"
				if q.Paused {
					state = "paused"
				}
				return []string{q.Name, strconv.Itoa(q.Waiting), strconv.Itoa(q.Dispatched), strconv.Itoa(q.Running), state}
			})
		},
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "pause NAME...",
		Short: "Let nothing of these queues begin; what is in work ends",
		Args:  withUsage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.each(cmd.Context(), args, "Paused", (*client.Client).PauseQueue)
		},
	}, &cobra.Command{
		Use:   "resume NAME...",
		Short: "Let these queues go on",
		Args:  withUsage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.each(cmd.Context(), args, "Resumed", (*client.Client).ResumeQueue)
		},
	})
	return cmd
}
