package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/auth"
)

func newUserList(sh *shared) *cobra.Command {
	var f auth.UserFilter
	cmd := &cobra.Command{
		Use: "list", Short: "List people and service accounts", Args: cobra.NoArgs,
		Example: "  guardhouse user list --role nurse --status disabled --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				users, err := allUsers(cmd, a, f)
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(map[string]any{"items": mapEach(users, userJSON)})
				}
				w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "NAME\tKIND\tROLE\tSTATUS\tLAST SIGN-IN")
				for _, u := range users {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", printable(u.Username), u.Kind, printable(u.Role), u.Status, when(u.LastLoginAt))
				}
				return w.Flush()
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Role, "role", "", "only who has this role")
	flags.StringVar(&f.Status, "status", "", "only active, disabled or deleted ones (deleted ones are listed only when asked for)")
	flags.StringVar(&f.Kind, "kind", "", "only person or service")
	flags.StringVar(&f.Query, "query", "", "only whose name or shown name has this in it")
	flags.BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func allUsers(cmd *cobra.Command, a *app.App, f auth.UserFilter) ([]auth.User, error) {
	var all []auth.User
	for cursor := ""; ; {
		page, err := a.Auth.ListUsers(cmd.Context(), osPrincipal(), f, 0, cursor)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			return all, nil
		}
	}
}

func userJSON(u auth.User) map[string]any {
	return map[string]any{
		"id": u.ID, "username": u.Username, "display_name": u.DisplayName, "language": u.Language, "kind": u.Kind, "role": u.Role,
		"status": u.Status, "created_at": u.CreatedAt, "updated_at": u.UpdatedAt, "last_login_at": u.LastLoginAt, "mfa": u.MFA,
		"version": u.Version,
	}
}
