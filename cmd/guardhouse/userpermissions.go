package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/auth"
)

func newUserPermissions(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "permissions NAME", Short: "Show what somebody may do and why", Args: cobra.ExactArgs(1),
		Example: "  guardhouse user permissions rita",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				u, err := a.Auth.UserByName(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				lines, err := a.Auth.UserPermissions(cmd.Context(), osPrincipal(), u.ID)
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(map[string]any{"items": mapEach(lines, permissionJSON)})
				}
				return sh.printPermissions(lines)
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) printPermissions(lines []auth.PermissionLine) error {
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ACTION\tALLOWED\tREASON\tROLE\tSOURCE\tCHANGED\tBY\tEVENT")
	for _, l := range lines {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Action, yes(l.Allowed), l.Reason, printable(l.Role), l.Source, when(l.ChangedAt), printable(orDash(l.ChangedBy)), orDash(l.EventID))
	}
	return w.Flush()
}

func permissionJSON(l auth.PermissionLine) map[string]any {
	return map[string]any{
		"action": l.Action, "allowed": l.Allowed, "reason": l.Reason, "role": l.Role, "source": l.Source,
		"changed_at": l.ChangedAt, "changed_by": nilIfEmpty(l.ChangedBy), "event_id": nilIfEmpty(l.EventID),
	}
}
