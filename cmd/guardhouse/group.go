package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/auth"
)

func newGroup(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "group", Short: "Groups of people, which model rules may name", Args: cobra.NoArgs, Example: "  guardhouse group list", RunE: needSubcommand,
	}
	cmd.AddCommand(newGroupCreate(sh), newGroupList(sh), newGroupShow(sh), newGroupDelete(sh), newGroupMove(sh, true), newGroupMove(sh, false))
	return cmd
}

func newGroupCreate(sh *shared) *cobra.Command {
	var g auth.NewGroup
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a group; its name is never given again", Args: cobra.ExactArgs(1),
		Example: "  guardhouse group create radiology --note \"readers on the third floor\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			g.Name = args[0]
			return sh.within(cmd.Context(), func(a *app.App) error {
				made, err := a.Auth.CreateGroup(cmd.Context(), osPrincipal(), g)
				if err != nil {
					return err
				}
				return sh.sayGroup(made, "is made: %s\n", made.ID)
			})
		},
	}
	cmd.Flags().StringVar(&g.Note, "note", "", "what it is for")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// sayGroup prints the group as JSON, or its name and what the format says.
func (sh *shared) sayGroup(g auth.Group, format string, args ...any) error {
	if sh.json {
		return sh.printJSON(groupJSON(g))
	}
	_, err := fmt.Fprintf(sh.out, "%s "+format, append([]any{printable(g.Name)}, args...)...)
	return err
}

func newGroupList(sh *shared) *cobra.Command {
	var query string
	cmd := &cobra.Command{
		Use: "list", Short: "List groups", Args: cobra.NoArgs, Example: "  guardhouse group list --query radio",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				groups, err := allGroups(cmd.Context(), a, query)
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(map[string]any{"items": mapEach(groups, groupJSON)})
				}
				w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "NAME\tMEMBERS\tRULES\tNOTE\tID")
				for _, g := range groups {
					fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\n", printable(g.Name), g.Members, g.Rules, printable(g.Note), g.ID)
				}
				return w.Flush()
			})
		},
	}
	cmd.Flags().StringVar(&query, "query", "", "only whose name or note has this in it")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func allGroups(ctx context.Context, a *app.App, query string) ([]auth.Group, error) {
	var all []auth.Group
	for cursor := ""; ; {
		page, err := a.Auth.ListGroups(ctx, osPrincipal(), query, 0, cursor)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			return all, nil
		}
	}
}

func groupJSON(g auth.Group) map[string]any {
	return map[string]any{
		"id": g.ID, "name": g.Name, "note": g.Note, "members": g.Members, "rules": g.Rules, "created_at": g.CreatedAt, "version": g.Version,
	}
}
