package main

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/retention"
)

func newAuditHold(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "hold", Short: "Legal holds: what is kept whatever its age", Args: cobra.NoArgs, Example: "  guardhouse audit hold list", RunE: needSubcommand,
	}
	cmd.AddCommand(newHoldAdd(sh), newHoldList(sh), newHoldRelease(sh))
	return cmd
}

func newHoldAdd(sh *shared) *cobra.Command {
	var n retention.NewHold
	var from, to string
	cmd := &cobra.Command{
		Use: "add", Short: "Keep all about a person, of a time, or both", Args: cobra.NoArgs,
		Example: "  guardhouse audit hold add --person rita --from 2026-01-01 --reason 'case 17'",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if n.From, err = begin(from); err == nil {
				n.To, err = begin(to)
			}
			if err != nil {
				return usageError{err}
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				h, err := a.Retention.AddHold(cmd.Context(), osPrincipal(), n)
				if err != nil {
					return err
				}
				return sh.sayHold(h, "is in force")
			})
		},
	}
	cmd.Flags().StringVar(&n.Person, "person", "", "name or id of somebody: what he did, and what was done to his account")
	cmd.Flags().StringVar(&from, "from", "", "from when on: a date or an RFC 3339 time")
	cmd.Flags().StringVar(&to, "to", "", "until before when: a date or an RFC 3339 time")
	cmd.Flags().StringVar(&n.Reason, "reason", "", "why; it stands in the log")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// begin reads the moment at which a date begins, or an RFC 3339 time; nil for none.
func begin(text string) (*time.Time, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // an end that is open is no error
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			t = t.UTC()
			return &t, nil
		}
	}
	return nil, errors.New("--from and --to want a date such as 2026-06-30 or a time such as 2026-06-30T18:00:00Z")
}

func newHoldList(sh *shared) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "list", Short: "List holds, newest first", Args: cobra.NoArgs, Example: "  guardhouse audit hold list --all",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				var list []retention.Hold
				for cursor := ""; ; {
					page, next, err := a.Retention.Holds(cmd.Context(), osPrincipal(), all, cursor)
					if err != nil {
						return err
					}
					list = append(list, page...)
					if cursor = next; cursor == "" {
						return sh.printHolds(list)
					}
				}
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "the released ones too")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) printHolds(list []retention.Hold) error {
	if sh.json {
		return sh.printJSON(map[string]any{"items": mapEach(list, holdJSON)})
	}
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tPERSON\tFROM\tTO\tREASON\tSINCE\tBY\tRELEASED")
	for i := range list {
		h := &list[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.ID, printable(orDash(h.UserName)), when(h.From), when(h.To), printable(h.Reason),
			when(&h.At), printable(h.By), when(h.ReleasedAt))
	}
	return w.Flush()
}

func newHoldRelease(sh *shared) *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use: "release ID", Short: "End a hold: what it kept goes with the next removal if it is old enough", Args: cobra.ExactArgs(1),
		Example: "  guardhouse audit hold release hld_01JX8Q4T2M --reason 'case 17 is closed'",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				h, err := a.Retention.ReleaseHold(cmd.Context(), osPrincipal(), args[0], why)
				if err != nil {
					return err
				}
				return sh.sayHold(h, "is released")
			})
		},
	}
	cmd.Flags().StringVar(&why, "reason", "", "why; it stands in the log")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) sayHold(h retention.Hold, what string) error {
	if sh.json {
		return sh.printJSON(holdJSON(h))
	}
	_, err := fmt.Fprintf(sh.out, "%s %s\n", h.ID, what)
	return err
}

func holdJSON(h retention.Hold) map[string]any {
	return map[string]any{
		"id": h.ID, "person": nilIfEmpty(h.UserName), "person_id": nilIfEmpty(h.UserID), "from": h.From, "to": h.To, "reason": h.Reason, "created_at": h.At,
		"created_by": h.By, "released_at": h.ReleasedAt, "released_by": nilIfEmpty(h.ReleasedBy), "release_reason": nilIfEmpty(h.ReleasedBecause),
	}
}
