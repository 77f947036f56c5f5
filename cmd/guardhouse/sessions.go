package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/auth"
)

func newUserRevokeSessions(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "revoke-sessions NAME", Short: "Sign somebody out everywhere at once; keys stay", Args: cobra.ExactArgs(1),
		Example: "  guardhouse user revoke-sessions rita",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				u, err := a.Auth.UserByName(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				ended, err := a.Auth.EndSessions(cmd.Context(), osPrincipal(), u.ID, auth.KeepNone)
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(map[string]any{"user_id": u.ID, "username": u.Username, "ended": ended})
				}
				_, err = fmt.Fprintf(sh.out, "%s signed out of %d sessions\n", printable(u.Username), ended)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}
