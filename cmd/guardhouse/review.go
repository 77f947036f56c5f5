package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/review"
)

func newReview(sh *shared) *cobra.Command {
	cmd := &cobra.Command{Use: "review", Short: "Reviews of model rules", Args: cobra.NoArgs, Example: "  guardhouse review list", RunE: needSubcommand}
	cmd.AddCommand(newReviewBegin(sh), newReviewList(sh), newReviewShow(sh), newReviewDecide(sh, "keep"), newReviewDecide(sh, "remove"), newReviewClose(sh))
	return cmd
}

func newReviewBegin(sh *shared) *cobra.Command {
	var draft review.Draft
	var due string
	cmd := &cobra.Command{
		Use: "begin", Short: "Have rules looked over by their owners by a day", Args: cobra.NoArgs,
		Example: "  guardhouse review begin --title 'First quarter' --due 2027-03-31 --rules 'ward-*'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			end, err := parseDate(due)
			if err != nil || draft.Title == "" {
				return usageError{errors.New("--title is needed, and --due with a date such as 2027-03-31")}
			}
			draft.DueAt = end
			return sh.tellReview(cmd.Context(), func(ctx context.Context, a *app.App) (review.Review, error) {
				return a.Reviews.Begin(ctx, osPrincipal(), draft)
			})
		},
	}
	cmd.Flags().StringVar(&draft.Title, "title", "", "what it is called")
	cmd.Flags().StringVar(&due, "due", "", "the day by which all is decided: a date or an RFC 3339 time")
	cmd.Flags().StringArrayVar(&draft.Rules, "rules", nil, "ids of rules, with * for any run of characters (repeat; none = all)")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func newReviewClose(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "close ID", Short: "End a review; what is open stays open in its record", Args: cobra.ExactArgs(1), Example: "  guardhouse review close arv_01JX8Q4T2M",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.tellReview(cmd.Context(), func(ctx context.Context, a *app.App) (review.Review, error) {
				return a.Reviews.Close(ctx, osPrincipal(), args[0])
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) tellReview(ctx context.Context, do func(context.Context, *app.App) (review.Review, error)) error {
	return sh.within(ctx, func(a *app.App) error {
		r, err := do(ctx, a)
		if err != nil {
			return err
		}
		if sh.json {
			return sh.printJSON(reviewJSON(r))
		}
		_, err = fmt.Fprintf(sh.out, "%s %s: %s\n", r.Status, r.ID, counted(r))
		return err
	})
}

func counted(r review.Review) string {
	return fmt.Sprintf("%d open, %d kept, %d asked to be removed, %d removed", r.Counts[review.Undecided], r.Counts[review.Kept], r.Counts[review.Asked], r.Counts[review.Removed])
}

func newReviewList(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List reviews, newest first", Args: cobra.NoArgs, Example: "  guardhouse review list --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				var all []review.Review
				for f := (review.Filter{}); ; {
					page, err := a.Reviews.List(cmd.Context(), osPrincipal(), f)
					if err != nil {
						return err
					}
					all = append(all, page.Items...)
					if f.Cursor = page.NextCursor; f.Cursor == "" {
						return sh.printReviews(all)
					}
				}
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) printReviews(list []review.Review) error {
	if sh.json {
		return sh.printJSON(map[string]any{"items": mapEach(list, reviewJSON)})
	}
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tTITLE\tSTATUS\tDUE\tRULES")
	for _, r := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.ID, printable(r.Title), r.Status, when(&r.DueAt), counted(r))
	}
	return w.Flush()
}

func newReviewShow(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show the rules of a review and what was decided", Args: cobra.ExactArgs(1), Example: "  guardhouse review show arv_01JX8Q4T2M",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				var all review.Detail
				for f := (review.ItemFilter{}); ; {
					d, err := a.Reviews.Get(cmd.Context(), osPrincipal(), args[0], f)
					if err != nil {
						return err
					}
					all.Review, all.Items = d.Review, append(all.Items, d.Items...)
					if f.Cursor = d.NextCursor; f.Cursor == "" {
						return sh.printReview(all)
					}
				}
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) printReview(d review.Detail) error {
	if sh.json {
		return sh.printJSON(map[string]any{"review": reviewJSON(d.Review), "items": mapEach(d.Items, reviewItemJSON)})
	}
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tOWNER\tDECISION\tBY\tNOW\tNOTE")
	for i := range d.Items {
		it := &d.Items[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", printable(it.RuleID), printable(orDash(it.Owner)), it.Decision, printable(orDash(it.DecidedBy)), it.Now, printable(it.Note))
	}
	return w.Flush()
}

func newReviewDecide(sh *shared, verb string) *cobra.Command {
	v := review.Verdict{Remove: verb == "remove"}
	short := "Say that a rule is right as it stands"
	if v.Remove {
		short = "Remove a rule that a review looks over"
	}
	cmd := &cobra.Command{
		Use: verb + " REVIEW RULE", Short: short, Args: cobra.ExactArgs(2), Example: "  guardhouse review " + verb + " arv_01JX8Q4T2M ward-nurses --note 'asked the ward'",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				it, err := a.Reviews.Decide(cmd.Context(), osPrincipal(), args[0], args[1], v)
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(reviewItemJSON(it))
				}
				_, err = fmt.Fprintf(sh.out, "%s %s\n", it.Decision, printable(it.RuleID))
				return err
			})
		},
	}
	cmd.Flags().StringVar(&v.Note, "note", "", "why")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func reviewJSON(r review.Review) map[string]any {
	return map[string]any{
		"id": r.ID, "title": r.Title, "rules": r.Rules, "status": r.Status, "due_at": r.DueAt, "created_at": r.CreatedAt, "created_by": r.CreatedBy,
		"closed_at": r.ClosedAt, "closed_by": nullable(r.ClosedBy), "counts": map[string]int{
			"open": r.Counts[review.Undecided], "kept": r.Counts[review.Kept], "asked": r.Counts[review.Asked], "removed": r.Counts[review.Removed],
		},
	}
}

func reviewItemJSON(it review.Item) map[string]any {
	out := map[string]any{
		"rule_id": it.RuleID, "owner": nullable(it.Owner), "decision": it.Decision, "decided_at": it.DecidedAt, "decided_by": nullable(it.DecidedBy),
		"note": it.Note, "now": it.Now, "fingerprint": nullable(it.Fingerprint), "rule": nil,
	}
	if text, err := it.Rule.JSON(); err == nil { // one that cannot be read has no text
		out["rule"] = json.RawMessage(text)
	}
	return out
}
