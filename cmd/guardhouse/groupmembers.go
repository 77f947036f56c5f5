package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/auth"
	"guardhouse/internal/fault"
)

func newGroupShow(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Who is in a group", Args: cobra.ExactArgs(1), Example: "  guardhouse group show radiology",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				g, err := a.Auth.GroupByName(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				members, err := allUsers(cmd, a, auth.UserFilter{Group: g.ID})
				if err != nil {
					return err
				}
				if sh.json {
					body := groupJSON(g)
					body["users"] = mapEach(members, userJSON)
					return sh.printJSON(body)
				}
				w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "NAME\tKIND\tROLE\tSTATUS")
				for _, u := range members {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", printable(u.Username), u.Kind, printable(u.Role), u.Status)
				}
				return w.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func newGroupDelete(sh *shared) *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME", Short: "Delete a group that no model rule names", Args: cobra.ExactArgs(1), Example: "  guardhouse group delete radiology",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				g, err := a.Auth.GroupByName(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if err := a.Auth.DeleteGroup(cmd.Context(), osPrincipal(), g.ID, nil); err != nil {
					return err
				}
				return sh.sayGroup(g, "is deleted\n")
			})
		},
	}
}

// newGroupMove is add, or remove where in is false.
func newGroupMove(sh *shared, in bool) *cobra.Command {
	cmd := &cobra.Command{
		Use: "add GROUP USER…", Short: "Put people into a group; in force within a second", Args: cobra.MinimumNArgs(2),
		Example: "  guardhouse group add radiology rita olga",
	}
	said := "now in it: %d\n"
	if !in {
		cmd.Use, cmd.Short, cmd.Example = "remove GROUP USER…", "Take people out of a group; in force within a second", "  guardhouse group remove radiology rita"
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return sh.within(cmd.Context(), func(a *app.App) error {
			g, err := moveMembers(cmd.Context(), a, args[0], args[1:], in)
			if err != nil {
				return err
			}
			return sh.sayGroup(g, said, g.Members)
		})
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// moveMembers finds everybody before it moves anybody, and answers the group as it is then.
func moveMembers(ctx context.Context, a *app.App, group string, users []string, in bool) (auth.Group, error) {
	g, err := a.Auth.GroupByName(ctx, group)
	if err != nil {
		return auth.Group{}, err
	}
	ids := make([]string, 0, len(users))
	for _, name := range users {
		u, err := a.Auth.UserByName(ctx, name)
		if fault.CodeOf(err) == fault.NotFound {
			err = fault.Newf(fault.NotFound, "There is no user %s.", printable(name))
		}
		if err != nil {
			return auth.Group{}, err
		}
		ids = append(ids, u.ID)
	}
	for _, id := range ids {
		if err := a.Auth.SetMember(ctx, osPrincipal(), g.ID, id, in); err != nil {
			return auth.Group{}, err
		}
	}
	return a.Auth.GetGroup(ctx, osPrincipal(), g.ID)
}
