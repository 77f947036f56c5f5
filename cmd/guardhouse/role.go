package main

import (
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"guardhouse/internal/access"
	"guardhouse/internal/app"
)

func newRole(sh *shared) *cobra.Command {
	cmd := &cobra.Command{Use: "role", Short: "Roles and what they may do", Args: cobra.NoArgs, Example: "  guardhouse role list", RunE: needSubcommand}
	cmd.AddCommand(newRoleList(sh), newRoleShow(sh), newRoleSet(sh), newRoleDelete(sh))
	return cmd
}

func newRoleList(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List the roles", Args: cobra.NoArgs, Example: "  guardhouse role list --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				roles, err := a.Guard.Roles(cmd.Context(), osPrincipal())
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(map[string]any{"items": mapEach(roles, roleJSON)})
				}
				w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "NAME\tACTIONS\tUSERS\tSHIPPED\tDESCRIPTION")
				for _, r := range roles {
					fmt.Fprintf(w, "%s\t%d of %d\t%d\t%s\t%s\n", printable(r.Name), len(r.Actions), len(r.Cells), r.Users, yes(r.Builtin), printable(r.Description))
				}
				return w.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func newRoleShow(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Show what a role may do and who decided that", Args: cobra.ExactArgs(1), Example: "  guardhouse role show nurse",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				r, err := a.Guard.Role(cmd.Context(), osPrincipal(), args[0])
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(roleJSON(r))
				}
				return sh.printRole(r)
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// printRole shows one line for each action: whether, and why.
func (sh *shared) printRole(r access.Role) error {
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ACTION\tALLOWED\tSOURCE\tCHANGED\tBY\tEVENT")
	for _, c := range r.Cells {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Action, yes(c.Allowed), c.Source, when(c.ChangedAt), printable(orDash(c.ChangedBy)), orDash(c.EventID))
	}
	return w.Flush()
}

func newRoleSet(sh *shared) *cobra.Command {
	var actions []string
	var description string
	var none bool
	cmd := &cobra.Command{
		Use: "set NAME", Short: "Make a role, or set what it may do; in force within a second", Args: cobra.ExactArgs(1),
		Example: "  guardhouse role set auditor --description \"reads the log\" --action audit.read --action audit.export --action session.own",
		RunE: func(cmd *cobra.Command, args []string) error {
			var c access.RoleChange
			if cmd.Flags().Changed("description") {
				c.Description = &description
			}
			switch {
			case none && len(actions) > 0:
				return usageError{errors.New("--no-actions and --action exclude each other")}
			case none:
				c.Actions = []access.Action{}
			case len(actions) == 0 && c.Description == nil:
				return usageError{errors.New("say what to set: --action ACTION (repeat; replaces all that it had), --no-actions or --description TEXT")}
			}
			for _, a := range actions {
				c.Actions = append(c.Actions, access.Action(a))
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				r, created, err := a.Guard.PutRole(cmd.Context(), osPrincipal(), args[0], c)
				if err != nil {
					return err
				}
				sh.warnNoSignIn(r)
				if sh.json {
					return sh.printJSON(roleJSON(r))
				}
				_, err = fmt.Fprintf(sh.out, "%s role %s with %d actions\n", madeOrSet(created), printable(r.Name), len(r.Actions))
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&actions, "action", nil, "an action that it may (repeat; all others are taken)")
	f.BoolVar(&none, "no-actions", false, "it may nothing")
	f.StringVar(&description, "description", "", "what it is for")
	f.BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// warnNoSignIn says beside the answer that people of a role are not let into the console.
func (sh *shared) warnNoSignIn(r access.Role) {
	if !slices.Contains(r.Actions, access.SessionOwn) {
		fmt.Fprintf(sh.err, "warning: role %s has no %s: whoever has it cannot sign in to the console; add --action %[2]s\n", printable(r.Name), access.SessionOwn)
	}
}

func newRoleDelete(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "Delete a role that nobody has", Args: cobra.ExactArgs(1), Example: "  guardhouse role delete auditor",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				if err := a.Guard.DeleteRole(cmd.Context(), osPrincipal(), args[0], nil); err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(map[string]any{"name": args[0], "deleted": true})
				}
				_, err := fmt.Fprintf(sh.out, "deleted role %s\n", printable(args[0]))
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func roleJSON(r access.Role) map[string]any {
	return map[string]any{
		"name": r.Name, "description": r.Description, "builtin": r.Builtin, "actions": r.Actions, "users": r.Users, "version": r.Version,
		"created_at": r.CreatedAt, "updated_at": r.UpdatedAt, "cells": mapEach(r.Cells, cellJSON),
	}
}

func cellJSON(c access.Cell) map[string]any {
	return map[string]any{
		"action": c.Action, "allowed": c.Allowed, "source": c.Source, "changed_at": c.ChangedAt,
		"changed_by": nilIfEmpty(c.ChangedBy), "event_id": nilIfEmpty(c.EventID),
	}
}

func nilIfEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func madeOrSet(created bool) string {
	if created {
		return "made"
	}
	return "set"
}
