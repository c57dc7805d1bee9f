package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/turboscribe/turboscribe/cmd/turboscribe/internal/client"
)

func (a *app) retryCommand() *cobra.Command {
	var model, language, prompt, channels, priority string
	var translate bool
	cmd := &cobra.Command{
		Use:   "retry ID...",
		Short: "Run transcriptions again that have ended; what is finished is not done again",
		Long: "Run transcriptions again that have completed, failed or been canceled. What is not given stays as it was.\n" +
			"Parts that an earlier run has finished in the same way are not done again, and a text stays until there is another.",
		Args: withUsage(cobra.MinimumNArgs(1)),
	}
	flags := cmd.Flags()
	flags.StringVar(&model, "model", "", "another model, see turboscribe models; or fast, balanced, best")
	flags.StringVar(&language, "language", "", "language that is spoken, such as en; auto to detect it anew")
	flags.StringVar(&prompt, "prompt", "", "names and terms that occur")
	flags.BoolVar(&translate, "translate", false, "translate into English")
	flags.StringVar(&channels, "channels", "", "split: a speaker on each channel of a stereo recording; mix otherwise")
	flags.StringVar(&priority, "priority", "", "high, normal or low")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r := client.Retry{
			Model: given(cmd, "model", &model), Language: given(cmd, "language", &language), Prompt: given(cmd, "prompt", &prompt),
			Translate: given(cmd, "translate", &translate), Channels: given(cmd, "channels", &channels),
			Priority: given(cmd, "priority", &priority),
		}
		return a.each(cmd.Context(), args, "Queued again", func(c *client.Client, ctx context.Context, id string) error {
			return c.Retry(ctx, id, r)
		})
	}
	return cmd
}

// given returns the value of a flag that was given, else nil.
func given[T any](cmd *cobra.Command, name string, value *T) *T {
	if !cmd.Flags().Changed(name) {
		return nil
	}
	return value
}
