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

func newUserSessions(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "sessions NAME", Short: "Show where somebody is signed in", Args: cobra.ExactArgs(1),
		Example: "  guardhouse user sessions rita --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				u, err := a.Auth.UserByName(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				sessions, err := allSessions(cmd.Context(), a, u)
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(map[string]any{"items": mapEach(sessions, sessionJSON)})
				}
				return sh.printSessions(sessions)
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) printSessions(sessions []auth.Session) error {
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tKIND\tDEVICE\tADDRESS\tSIGNED IN\tLAST USED\tENDS")
	for _, s := range sessions {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.Kind, printable(orDash(s.Device)), orDash(s.LastIP), when(&s.CreatedAt), when(&s.LastUsedAt), when(&s.ExpiresAt))
	}
	return w.Flush()
}

func allSessions(ctx context.Context, a *app.App, u auth.User) ([]auth.Session, error) {
	var all []auth.Session
	for cursor := ""; ; {
		page, err := a.Auth.ListSessions(ctx, osPrincipal(), u.ID, 0, cursor)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			return all, nil
		}
	}
}

func sessionJSON(s auth.Session) map[string]any {
	return map[string]any{
		"id": s.ID, "user_id": s.UserID, "username": s.Username, "kind": s.Kind, "device": s.Device, "user_agent": s.UserAgent,
		"ip": s.IP, "last_ip": s.LastIP, "created_at": s.CreatedAt, "last_used_at": s.LastUsedAt, "expires_at": s.ExpiresAt,
		"idle_until": s.IdleUntil, "current": s.Current,
	}
}

func newUserRevokeSessions(sh *shared) *cobra.Command {
	var session string
	cmd := &cobra.Command{
		Use: "revoke-sessions NAME", Short: "Sign somebody out everywhere at once; keys stay", Args: cobra.ExactArgs(1),
		Example: "  guardhouse user revoke-sessions rita\n  guardhouse user revoke-sessions rita --session ses_01jx8q4t2m",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				u, err := a.Auth.UserByName(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				ended, err := endSessions(cmd.Context(), a, u, session)
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(map[string]any{"user_id": u.ID, "username": u.Username, "ended": ended})
				}
				_, err = fmt.Fprintf(sh.out, "%s signed out (sessions ended: %d)\n", printable(u.Username), ended)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&session, "session", "", "only the session with this id (guardhouse user sessions NAME)")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// endSessions ends u's session with the id, or all of them where it is empty. A session of somebody else is not found.
func endSessions(ctx context.Context, a *app.App, u auth.User, id string) (int, error) {
	if id == "" {
		return a.Auth.EndSessions(ctx, osPrincipal(), u.ID, auth.KeepNone)
	}
	sessions, err := allSessions(ctx, a, u)
	if err != nil {
		return 0, err
	}
	for _, s := range sessions {
		if s.ID == id {
			return 1, a.Auth.EndSession(ctx, osPrincipal(), id)
		}
	}
	return 0, fault.New(fault.NotFound, "This user has no such session.")
}
