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
	var email, code string
	var fromStdin bool
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Sign in; asks for what is not given",
		Args:  withUsage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.login(cmd.Context(), email, code, fromStdin)
		},
	}
	cmd.Flags().StringVar(&email, "email", "", "email address of the account")
	cmd.Flags().StringVar(&code, "code", "", "code of the second factor, or a recovery code; asked for when there is a terminal")
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	return cmd
}

func (a *app) login(ctx context.Context, email, code string, fromStdin bool) error {
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
	ask := func(ctx context.Context) (string, error) { return a.askCode(ctx, code) }
	if err := c.Login(ctx, email, password, ask); err != nil {
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
	got, err := a.ask(ctx, fd, func() (answers, error) {
		if email == "" {
			line, err := a.readLine("Email: ")
			if err != nil {
				return answers{}, err
			}
			email = line
		}
		_, _ = fmt.Fprint(a.stderr, "Password: ")
		password, err := term.ReadPassword(fd)
		a.say("")
		if err != nil {
			return answers{}, fmt.Errorf("read the password: %w", err)
		}
		return answers{email, string(password)}, nil
	})
	return got[0], got[1], err
}

// askCode returns the code of a second factor, asked for if it was not given.
func (a *app) askCode(ctx context.Context, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	fd, ok := terminal(a.stdin)
	if !ok {
		return "", usage("this account has a second factor, and there is no terminal to ask on: give --code")
	}
	got, err := a.ask(ctx, fd, func() (answers, error) {
		line, err := a.readLine("Code of your second factor: ")
		return answers{line}, err
	})
	return got[0], err
}

// answers are what somebody has typed, in the order of the questions.
type answers [2]string

// ask reads from a terminal, which cannot be broken off. After a signal the program ends,
// and must leave a terminal that shows what is typed.
func (a *app) ask(ctx context.Context, fd int, read func() (answers, error)) (answers, error) {
	state, err := term.GetState(fd)
	if err != nil {
		return answers{}, fmt.Errorf("read from the terminal: %w", err)
	}
	type result struct {
		answers
		err error
	}
	got := make(chan result, 1)
	go func() {
		text, err := read()
		got <- result{text, err}
	}()
	select {
	case r := <-got:
		return r.answers, r.err
	case <-ctx.Done():
		a.say("")
		return answers{}, errors.Join(ctx.Err(), term.Restore(fd, state))
	}
}

func (a *app) readLine(prompt string) (string, error) {
	_, _ = fmt.Fprint(a.stderr, prompt)
	line, err := bufio.NewReader(io.LimitReader(a.stdin, maxPassword)).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	return strings.TrimSpace(line), nil
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
