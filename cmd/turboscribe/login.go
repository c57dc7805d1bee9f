package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// maxPassword bounds what is read from stdin.
const maxPassword = 4 << 10

func (a *app) loginCommand() *cobra.Command {
	var email string
	var fromStdin bool
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Sign in; asks for what is not given",
		Args:  withUsage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.login(cmd.Context(), email, fromStdin)
		},
	}
	cmd.Flags().StringVar(&email, "email", "", "email address of the account")
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	return cmd
}

func (a *app) login(ctx context.Context, email string, fromStdin bool) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	if email == "" && fromStdin {
		return usage("--password-stdin needs --email")
	}
	email, password, err := a.askCredentials(ctx, email, fromStdin)
	if err != nil {
		return err
	}
	if err := c.Login(ctx, email, password); err != nil {
		return err
	}
	a.say("Signed in at %s as %s.", c.Server(), email)
	if a.token() != "" {
		a.say("TS_API_KEY or TS_TOKEN is set and used instead of this sign-in.")
	}
	return nil
}

func (a *app) askCredentials(ctx context.Context, email string, fromStdin bool) (string, string, error) {
	if fromStdin {
		b, err := io.ReadAll(io.LimitReader(a.stdin, maxPassword))
		return email, strings.TrimRight(string(b), "\r\n"), err
	}
	fd, ok := terminal(a.stdin)
	if !ok {
		return "", "", usage("there is no terminal to ask on: give --email and --password-stdin")
	}
	state, err := term.GetState(fd)
	if err != nil {
		return "", "", fmt.Errorf("read from the terminal: %w", err)
	}
	type answers struct {
		email, password string
		err             error
	}
	// Reading from a terminal cannot be broken off. After a signal the program
	// ends, and must leave a terminal that shows what is typed.
	got := make(chan answers, 1)
	go func() {
		email, password, err := a.ask(email, fd)
		got <- answers{email, password, err}
	}()
	select {
	case answer := <-got:
		return answer.email, answer.password, answer.err
	case <-ctx.Done():
		a.say("")
		return "", "", errors.Join(ctx.Err(), term.Restore(fd, state))
	}
}

func (a *app) ask(email string, fd int) (string, string, error) {
	if email == "" {
		_, _ = fmt.Fprint(a.stderr, "Email: ")
		line, err := bufio.NewReader(io.LimitReader(a.stdin, maxPassword)).ReadString('\n')
		if err != nil {
			return "", "", fmt.Errorf("read the email address: %w", err)
		}
		email = strings.TrimSpace(line)
	}
	_, _ = fmt.Fprint(a.stderr, "Password: ")
	password, err := term.ReadPassword(fd)
	a.say("")
	if err != nil {
		return "", "", fmt.Errorf("read the password: %w", err)
	}
	return email, string(password), nil
}

func (a *app) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "Sign out",
		Args:  withUsage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			if err := c.Logout(cmd.Context()); err != nil {
				return fmt.Errorf("signed out here, but the server did not hear of it: %w", err)
			}
			a.say("Signed out at %s.", c.Server())
			return nil
		},
	}
}
