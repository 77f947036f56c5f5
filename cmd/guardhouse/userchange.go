package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/auth"
)

// userAct is a command that does one thing to one user. It prints the user, or nothing but the name of a deleted one.
type userAct struct {
	use, short, example string
	args                cobra.PositionalArgs
	said                func(auth.User) string // printed with the name when it is done
	prepare             func(args []string) error
	act                 func(ctx context.Context, a *app.App, u auth.User, args []string) (auth.User, error)
}

func (sh *shared) userCommand(c userAct) *cobra.Command {
	cmd := &cobra.Command{
		Use: c.use, Short: c.short, Args: c.args, Example: c.example,
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.prepare != nil {
				if err := c.prepare(args); err != nil {
					return err
				}
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				u, err := a.Auth.UserByName(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if u, err = c.act(cmd.Context(), a, u, args); err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(userJSON(u))
				}
				_, err = fmt.Fprintf(sh.out, "%s %s\n", printable(u.Username), c.said(u))
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func says(text string) func(auth.User) string { return func(auth.User) string { return text } }

func change(ctx context.Context, a *app.App, u auth.User, c auth.UserChange) (auth.User, error) {
	return a.Auth.ChangeUser(ctx, osPrincipal(), u.ID, c)
}

func newUserDisable(sh *shared) *cobra.Command {
	return sh.userCommand(userAct{
		use: "disable NAME", short: "Shut somebody out: every session ends at once, keys rest", args: cobra.ExactArgs(1),
		example: "  guardhouse user disable rita", said: says("is disabled"),
		act: func(ctx context.Context, a *app.App, u auth.User, _ []string) (auth.User, error) {
			status := "disabled"
			return change(ctx, a, u, auth.UserChange{Status: &status})
		},
	})
}

func newUserEnable(sh *shared) *cobra.Command {
	return sh.userCommand(userAct{
		use: "enable NAME", short: "Let a disabled user in again", args: cobra.ExactArgs(1),
		example: "  guardhouse user enable rita", said: says("is active"),
		act: func(ctx context.Context, a *app.App, u auth.User, _ []string) (auth.User, error) {
			status := "active"
			return change(ctx, a, u, auth.UserChange{Status: &status})
		},
	})
}

func newUserSetRole(sh *shared) *cobra.Command {
	return sh.userCommand(userAct{
		use: "set-role NAME ROLE", short: "Give somebody another role; every session ends", args: cobra.ExactArgs(2),
		example: "  guardhouse user set-role rita radiologist", said: func(u auth.User) string { return "has the role " + printable(u.Role) },
		act: func(ctx context.Context, a *app.App, u auth.User, args []string) (auth.User, error) {
			return change(ctx, a, u, auth.UserChange{Role: &args[1]})
		},
	})
}

func newUserResetPassword(sh *shared) *cobra.Command {
	var fromStdin bool
	var password string
	cmd := sh.userCommand(userAct{
		use: "reset-password NAME", short: "Set a new password; every session ends", args: cobra.ExactArgs(1),
		example: "  echo \"$PASSWORD\" | guardhouse user reset-password rita --password-stdin", said: says("has a new password"),
		prepare: func([]string) (err error) {
			if !fromStdin {
				return usageError{errors.New("--password-stdin is missing: the password is read from standard input, never from the command line")}
			}
			password, err = readPassword(sh.in)
			return err
		},
		act: func(ctx context.Context, a *app.App, u auth.User, _ []string) (auth.User, error) {
			return change(ctx, a, u, auth.UserChange{Password: &password})
		},
	})
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input (one line)")
	return cmd
}

func newUserDelete(sh *shared) *cobra.Command {
	return sh.userCommand(userAct{
		use: "delete NAME", short: "Delete a user for ever: keys and sessions end, the name is never given again", args: cobra.ExactArgs(1),
		example: "  guardhouse user delete rita", said: says("is deleted"),
		act: func(ctx context.Context, a *app.App, u auth.User, _ []string) (auth.User, error) {
			err := a.Auth.DeleteUser(ctx, osPrincipal(), u.ID, nil)
			u.Status = "deleted"
			return u, err
		},
	})
}
