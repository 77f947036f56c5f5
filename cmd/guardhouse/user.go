package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/auth"
)

func newUser(sh *shared) *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "People and service accounts", Args: cobra.NoArgs, Example: "  guardhouse user list", RunE: needSubcommand}
	cmd.AddCommand(
		newUserCreate(sh), newUserList(sh), newUserDisable(sh), newUserEnable(sh), newUserSetRole(sh), newUserResetPassword(sh),
		newUserDelete(sh), newUserSessions(sh), newUserRevokeSessions(sh), newUserPermissions(sh),
	)
	return cmd
}

func newUserCreate(sh *shared) *cobra.Command {
	u := auth.NewUser{Kind: "person"}
	var service, fromStdin bool
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Create a person or a service account", Args: cobra.ExactArgs(1),
		Example: "  echo \"$PASSWORD\" | guardhouse user create rita --role reviewer --password-stdin",
		RunE: func(cmd *cobra.Command, args []string) error {
			u.Username = args[0]
			if service {
				u.Kind = "service"
			}
			if u.Role == "" {
				return usageError{errors.New("--role is missing, for example --role reviewer")}
			}
			if !fromStdin && !service {
				return usageError{errors.New("--password-stdin is missing: the password is read from standard input, never from the command line")}
			}
			if fromStdin {
				password, err := readPassword(sh.in)
				if err != nil {
					return err
				}
				u.Password = password
			}
			return sh.with(cmd.Context(), func(a *app.App) error {
				made, err := a.Auth.CreateUser(cmd.Context(), osPrincipal(), u)
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(userJSON(made))
				}
				_, err = fmt.Fprintf(sh.out, "created %s %s with role %s\n", made.Kind, printable(made.Username), made.Role)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&u.Role, "role", "", "admin, reviewer, radiologist, nurse, guest or a role of your own")
	f.StringVar(&u.DisplayName, "display-name", "", "name shown in the console")
	f.StringVar(&u.Language, "language", "", "en or zh-CN")
	f.BoolVar(&service, "service", false, "a service account: it has keys but cannot sign in")
	f.BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input (one line)")
	f.BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// readPassword takes one line and strips one newline, so that a password may end in spaces.
func readPassword(in io.Reader) (string, error) {
	const longest = 4096
	line, err := bufio.NewReader(io.LimitReader(in, longest)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	line = strings.TrimSuffix(line, "\n")
	if line == "" {
		return "", usageError{errors.New("no password on standard input: pipe one line into the command")}
	}
	return line, nil
}

func needSubcommand(cmd *cobra.Command, _ []string) error {
	return usageError{fmt.Errorf("say what to do: %s --help lists the commands", cmd.CommandPath())}
}

func mapEach[T any](items []T, f func(T) map[string]any) []map[string]any {
	out := make([]map[string]any, 0, len(items))
	for _, item := range items {
		out = append(out, f(item))
	}
	return out
}

func when(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
