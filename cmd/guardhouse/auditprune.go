package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/config"
	"guardhouse/internal/retention"
	"guardhouse/internal/settings"
)

func newAuditPrune(sh *shared) *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use: "prune", Short: "Remove what is older than it is to be kept", Args: cobra.NoArgs, Example: "  guardhouse audit prune --dry-run",
		Long: "Remove audit rows, verdicts and ended sessions that are older than they are to be kept (guardhouse audit retention).\n" +
			"A signed tombstone stands for audit rows that go, so that the rest still verifies. A removal that was interrupted goes on first.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				if dry {
					st, err := a.Retention.Get(cmd.Context(), osPrincipal())
					if err != nil {
						return err
					}
					return sh.printPlan(st.Plan)
				}
				return sh.prune(cmd.Context(), a)
			})
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would go")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) prune(ctx context.Context, a *app.App) error {
	if _, err := a.Retention.Resume(ctx); err != nil {
		return err
	}
	run, err := a.Retention.Prune(ctx, osPrincipal())
	if err != nil {
		return err
	}
	if run, err = a.Retention.Work(ctx, run.ID); err != nil {
		return err
	}
	if sh.json {
		err = sh.printJSON(runJSON(run))
	} else {
		_, err = fmt.Fprintf(sh.out, "removed %d audit rows under %d tombstones, %d verdicts, %d sessions\n", run.RowsGone, run.Tombstones, run.VerdictsGone, run.SessionsGone)
	}
	if err == nil && run.Problem != "" {
		return errors.New(run.Problem)
	}
	return err
}

// printPlan says what a run would remove, or why it would not.
func (sh *shared) printPlan(p retention.Plan) error {
	if sh.json {
		return sh.printJSON(planJSON(p))
	}
	say := func(format string, args ...any) { fmt.Fprintf(sh.out, format+"\n", args...) }
	say("audit rows   %d of %s", p.Rows, daysText(p.Days.Audit))
	if p.Rows > 0 {
		say("             %d to %d, %s to %s", p.FirstSeq, p.LastSeq, when(&p.From), when(&p.To))
	}
	say("verdicts     %d of %s", p.Verdicts, daysText(p.Days.Verdicts))
	say("sessions     %d of %s", p.Sessions, daysText(p.Days.Sessions))
	if p.Held > 0 {
		say("held         %d audit rows stay because of holds", p.Held)
	}
	if p.Unsent > 0 {
		say("not sent     %d audit rows stay until they are forwarded", p.Unsent)
	}
	if p.Unexported > 0 {
		say("not exported %d audit rows stay until every schedule has exported them", p.Unexported)
	}
	sh.printQuestions(p.Questions)
	if p.Stopped != "" {
		say("nothing goes: %s", stoppedText(p.Stopped))
	}
	return nil
}

func daysText(days int) string {
	if days == 0 {
		return "what is kept for ever"
	}
	return fmt.Sprintf("what is kept for %d days", days)
}

func stoppedText(word string) string {
	switch word {
	case retention.StoppedOff:
		return "no kind has a time after which it goes (guardhouse audit retention)"
	case retention.StoppedClock:
		return "the clock has to be confirmed (guardhouse audit clock)"
	case retention.StoppedYoung:
		return "no signed checkpoint is old enough yet"
	case retention.StoppedProof:
		return "a checkpoint that would decide can't be proved (guardhouse audit verify)"
	}
	return word
}

func (sh *shared) printQuestions(list []retention.Question) {
	for _, q := range list {
		fmt.Fprintf(sh.out, "clock        %s: from %s to %s, %s that nothing explains\n", q.Kind, when(&q.Before), when(&q.After), q.By.Round(time.Second))
	}
}

func newAuditClock(sh *shared) *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use: "clock", Short: "Say what nothing explains about the clock, and confirm it", Args: cobra.NoArgs,
		Example: "  guardhouse audit clock --confirm 'the server was in storage for two weeks'",
		Long: "Say what nothing explains about the clock. Until it is confirmed, nothing old is removed. A jump that is confirmed ages nothing:\n" +
			"what counts is the time that the machine itself has counted. Time that it was off, if confirmed, does count.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				if cmd.Flags().Changed("confirm") {
					if err := a.Retention.ConfirmClock(cmd.Context(), osPrincipal(), why); err != nil {
						return err
					}
				}
				st, err := a.Retention.Get(cmd.Context(), osPrincipal())
				if err != nil {
					return err
				}
				if sh.printQuestions(st.Plan.Questions); len(st.Plan.Questions) == 0 {
					fmt.Fprintln(sh.out, "nothing is asked about the clock")
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&why, "confirm", "", "why it is right")
	return cmd
}

func newAuditRetention(sh *shared) *cobra.Command {
	given := map[string]*string{"audit": new(string), "verdicts": new(string), "sessions": new(string)}
	cmd := &cobra.Command{
		Use: "retention", Short: "Show or set for how many days each kind is kept", Args: cobra.NoArgs,
		Example: "  guardhouse audit retention --audit 2190 --verdicts 365",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := settings.Change{Values: map[string]*string{}}
			for kind, value := range given {
				if !cmd.Flags().Changed(kind) {
					continue
				}
				n, err := strconv.Atoi(*value)
				if err != nil || n < 0 || kind == "audit" && n != 0 && n < config.AuditFloor {
					return usageError{fmt.Errorf("--%s is a number of days or 0 for ever; audit rows are kept for %d days at least", kind, config.AuditFloor)}
				}
				c.Values["retention."+kind] = value
			}
			if len(c.Values) > 0 {
				return sh.changeSettings(cmd, c)
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				st, err := a.Retention.Get(cmd.Context(), osPrincipal())
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(planJSON(st.Plan))
				}
				_, err = fmt.Fprintf(sh.out, "audit     %s\nverdicts  %s\nsessions  %s\n", forDays(st.Plan.Days.Audit), forDays(st.Plan.Days.Verdicts), forDays(st.Plan.Days.Sessions))
				return err
			})
		},
	}
	for kind, value := range given {
		cmd.Flags().StringVar(value, kind, "", "days; 0 keeps for ever")
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func forDays(days int) string {
	if days == 0 {
		return "for ever"
	}
	return fmt.Sprintf("%d days", days)
}

func planJSON(p retention.Plan) map[string]any {
	return map[string]any{
		"days": daysJSON(p.Days), "stopped": nilIfEmpty(p.Stopped), "rows": p.Rows, "verdicts": p.Verdicts, "sessions": p.Sessions,
		"first_seq": p.FirstSeq, "last_seq": p.LastSeq, "held": p.Held, "unsent": p.Unsent, "unexported": p.Unexported,
		"questions": mapEach(p.Questions, func(q retention.Question) map[string]any {
			return map[string]any{"kind": q.Kind, "before": q.Before, "after": q.After, "seconds": int64(q.By / time.Second)}
		}),
	}
}

func daysJSON(d retention.Days) map[string]any {
	return map[string]any{"audit": d.Audit, "verdicts": d.Verdicts, "sessions": d.Sessions}
}

func runJSON(r retention.Run) map[string]any {
	return map[string]any{
		"at": r.At, "by": r.By, "event_id": r.EventID, "days": daysJSON(r.Days), "rows": r.RowsGone, "verdicts": r.VerdictsGone,
		"sessions": r.SessionsGone, "tombstones": r.Tombstones, "finished_at": r.FinishedAt, "problem": nilIfEmpty(r.Problem),
	}
}
