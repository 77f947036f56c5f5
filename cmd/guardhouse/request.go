package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/request"
)

func newRequest(sh *shared) *cobra.Command {
	cmd := &cobra.Command{Use: "request", Short: "Requests for access to models", Args: cobra.NoArgs, Example: "  guardhouse request list --status open", RunE: needSubcommand}
	cmd.AddCommand(newRequestList(sh), newRequestApprove(sh), newRequestDecline(sh))
	return cmd
}

func newRequestList(sh *shared) *cobra.Command {
	var status string
	cmd := &cobra.Command{
		Use: "list", Short: "List requests, newest first", Args: cobra.NoArgs, Example: "  guardhouse request list --status open",
		RunE: func(cmd *cobra.Command, _ []string) error {
			f := request.Filter{Status: request.Status(status)}
			switch f.Status {
			case "", request.Open, request.Approved, request.Declined, request.Withdrawn, request.Expired:
			default:
				return usageError{errors.New("--status is open, approved, declined, withdrawn or expired")}
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				list, err := allRequests(cmd.Context(), a, f)
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(map[string]any{"items": mapEach(list, requestJSON)})
				}
				return sh.printRequests(list)
			})
		},
	}
	cmd.Flags().StringVar(&status, "status", "", "only those that stand like this")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func allRequests(ctx context.Context, a *app.App, f request.Filter) ([]request.Request, error) {
	var all []request.Request
	for {
		page, err := a.Requests.List(ctx, osPrincipal(), f)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if f.Cursor = page.NextCursor; f.Cursor == "" {
			return all, nil
		}
	}
}

func (sh *shared) printRequests(list []request.Request) error {
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tUSER\tMODEL\tOPERATIONS\tUNTIL\tSTATUS\tPURPOSE")
	for i := range list {
		r := &list[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, printable(r.Username), r.Model, operations(r), when(&r.Until), r.Status, printable(r.Purpose))
	}
	return w.Flush()
}

func operations(r *request.Request) string {
	words := make([]string, 0, len(r.Operations))
	for _, o := range r.Operations {
		words = append(words, string(o))
	}
	return strings.Join(words, ",")
}

func newRequestApprove(sh *shared) *cobra.Command {
	var reason, until string
	cmd := &cobra.Command{
		Use: "approve ID", Short: "Grant a request with a rule that ends by itself", Args: cobra.ExactArgs(1),
		Example: "  guardhouse request approve arq_01JX8Q4T2M --until 2027-01-31",
		RunE: func(cmd *cobra.Command, args []string) error {
			a := request.Approval{Reason: reason}
			if until != "" {
				end, err := parseDate(until)
				if err != nil {
					return usageError{errors.New("--until wants a date such as 2027-06-30 or a time such as 2027-06-30T18:00:00Z")}
				}
				a.Until = end
			}
			return sh.decideRequest(cmd.Context(), func(ctx context.Context, of *app.App) (request.Request, error) {
				return of.Requests.Approve(ctx, osPrincipal(), args[0], a)
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "a word to whoever asked")
	cmd.Flags().StringVar(&until, "until", "", "an earlier end than the one asked for: a date or an RFC 3339 time")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func newRequestDecline(sh *shared) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "decline ID", Short: "Decline a request", Args: cobra.ExactArgs(1),
		Example: "  guardhouse request decline arq_01JX8Q4T2M --reason 'The smaller model does this.'",
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return usageError{errors.New("--reason is needed: whoever asked reads it")}
			}
			return sh.decideRequest(cmd.Context(), func(ctx context.Context, a *app.App) (request.Request, error) {
				return a.Requests.Decline(ctx, osPrincipal(), args[0], reason)
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) decideRequest(ctx context.Context, decide func(context.Context, *app.App) (request.Request, error)) error {
	return sh.within(ctx, func(a *app.App) error {
		r, err := decide(ctx, a)
		if err != nil {
			return err
		}
		if sh.json {
			return sh.printJSON(requestJSON(r))
		}
		text := fmt.Sprintf("%s %s: %s for %s", r.Status, r.ID, r.Model, printable(r.Username))
		if r.RuleID != "" {
			text += fmt.Sprintf(" until %s, by rule %s", when(&r.Until), r.RuleID)
		}
		_, err = fmt.Fprintln(sh.out, text)
		return err
	})
}

func requestJSON(r request.Request) map[string]any {
	return map[string]any{
		"id": r.ID, "user_id": r.UserID, "username": r.Username, "model": r.Model, "model_known": r.Known, "operations": r.Operations,
		"purpose": r.Purpose, "until": r.Until, "status": r.Status, "created_at": r.CreatedAt, "decided_at": r.DecidedAt,
		"decided_by": nullable(r.DecidedBy), "reason": r.Reason, "rule_id": nullable(r.RuleID),
	}
}
