package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"guardhouse/internal/access"
	"guardhouse/internal/app"
	"guardhouse/internal/hygiene"
	"guardhouse/internal/rehearsal"
	"guardhouse/internal/rule"
)

// question is the flags of a question.
type question struct{ ip, at, purpose string }

func (q *question) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&q.ip, "ip", "", "from this address (none: rules for some addresses do not allow)")
	cmd.Flags().StringVar(&q.at, "at", "", "at this time, such as 2026-12-31T08:00:00Z (now)")
	cmd.Flags().StringVar(&q.purpose, "purpose", "", "with this purpose")
}

func (q *question) query(principal string) (out rehearsal.Query, err error) {
	out.Principal, out.Purpose = principal, q.purpose
	if q.ip != "" {
		if out.IP, err = netip.ParseAddr(q.ip); err != nil {
			return out, usageError{errors.New("--ip is one address")}
		}
	}
	if q.at != "" {
		if out.At, err = time.Parse(time.RFC3339, q.at); err != nil {
			return out, usageError{errors.New("--at is a time such as 2026-12-31T08:00:00Z")}
		}
	}
	return out, nil
}

func newACLExplain(sh *shared) *cobra.Command {
	var q question
	var file string
	cmd := &cobra.Command{
		Use: "explain PRINCIPAL MODEL OPERATION", Short: "Why somebody may or may not do something with a model", Args: cobra.ExactArgs(3),
		Example: "  guardhouse acl explain user:rita guard-nano infer --ip 10.20.4.17",
		RunE: func(cmd *cobra.Command, args []string) error {
			query, err := q.query(args[0])
			if err != nil {
				return err
			}
			query.Model, query.Operation = args[1], access.Operation(args[2])
			if !slices.Contains(rehearsal.Operations(), query.Operation) {
				return usageError{errors.New("OPERATION is view, infer, train or download")}
			}
			if query.Proposal, err = proposed(file); err != nil {
				return err
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				e, err := a.Rehearsal.Explain(cmd.Context(), osPrincipal(), query)
				if err != nil {
					return err
				}
				return sh.printExplanation(e)
			})
		},
	}
	q.flags(cmd)
	cmd.Flags().StringVar(&file, "with", "", "under the rules of this file in place of those in force")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// proposed reads a file of rules as a proposal, none for "".
func proposed(file string) (rehearsal.Proposal, error) {
	if file == "" {
		return rehearsal.Proposal{}, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return rehearsal.Proposal{}, fmt.Errorf("reading the rules: %w", err)
	}
	f, err := rule.ParseFile(text)
	if err != nil {
		return rehearsal.Proposal{}, err
	}
	list := make([]json.RawMessage, len(f.Rules))
	for i := range f.Rules {
		if list[i], err = f.Rules[i].JSON(); err != nil {
			return rehearsal.Proposal{}, err
		}
	}
	rules, err := json.Marshal(list)
	return rehearsal.Proposal{Given: true, Rules: rules, Default: f.Default}, err
}

func (sh *shared) printExplanation(e rehearsal.Explanation) error {
	if sh.json {
		steps := mapEach(e.Steps, func(s rehearsal.Step) map[string]any {
			return map[string]any{"name": s.Name, "outcome": s.Outcome, "rule_id": nilIfEmpty(s.RuleID)}
		})
		ways := mapEach(e.Ways, func(w rehearsal.Way) map[string]any {
			return map[string]any{"kind": w.Kind, "rule_id": w.RuleID, "text": w.Text}
		})
		body := map[string]any{
			"decision": effect(e.Allowed), "status": e.Status, "rule_id": nilIfEmpty(e.RuleID), "reason": e.Reason, "failing_condition": nil, "steps": steps,
			"would_pass_if": ways, "would_pass_cut": e.WaysCut, "policy_version": e.PolicyVersion,
		}
		if e.Failing != nil {
			body["failing_condition"] = e.Failing.Condition
		}
		return sh.printJSON(body)
	}
	var errs []error
	say := func(format string, args ...any) {
		_, err := fmt.Fprintf(sh.out, format+"\n", args...)
		errs = append(errs, err)
	}
	say("%s, %d%s", effect(e.Allowed), e.Status, because(e))
	for _, s := range e.Steps {
		say("  %-12s %-8s %s", s.Name, s.Outcome, s.RuleID)
	}
	for _, w := range e.Ways {
		say("would pass: %s (%s)", w.Text, w.RuleID)
	}
	if e.WaysCut {
		say("there may be more: the model has too many rules to try each")
	}
	return errors.Join(errs...)
}

func because(e rehearsal.Explanation) string {
	switch {
	case e.Allowed && e.RuleID != "":
		return ": by rule " + e.RuleID
	case e.Allowed:
		return ""
	case e.RuleID != "":
		return ": " + e.Reason + ", rule " + e.RuleID
	case e.Failing != nil:
		return ": " + e.Reason + ", nearest rule " + e.Failing.RuleID
	}
	return ": " + e.Reason
}

func newACLCan(sh *shared) *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use: "can PRINCIPAL", Short: "What somebody may do with every model", Args: cobra.ExactArgs(1), Example: "  guardhouse acl can role:nurse",
		RunE: func(cmd *cobra.Command, args []string) error {
			query, err := q.query(args[0])
			if err != nil {
				return err
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				t, err := a.Rehearsal.Can(cmd.Context(), osPrincipal(), query)
				if err != nil {
					return err
				}
				return sh.printTable(t)
			})
		},
	}
	q.flags(cmd)
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) printTable(t rehearsal.Table) error {
	if sh.json {
		return sh.printJSON(map[string]any{"principal": t.Principal, "policy_version": t.PolicyVersion, "models": mapEach(t.Models, func(m rehearsal.ModelRow) map[string]any {
			row := map[string]any{"id": m.ID}
			for i, o := range rehearsal.Operations() {
				c := m.Cells[i]
				row[string(o)] = map[string]any{"allowed": c.Allowed, "reason": nilIfEmpty(c.Reason), "rule_id": nilIfEmpty(c.RuleID)}
			}
			return row
		})})
	}
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(w, "MODEL\tVIEW\tINFER\tTRAIN\tDOWNLOAD")
	errs := []error{err}
	for _, m := range t.Models {
		line := printable(m.ID)
		for _, c := range m.Cells {
			line += "\t" + yes(c.Allowed)
		}
		_, err := fmt.Fprintln(w, line)
		errs = append(errs, err)
	}
	return errors.Join(append(errs, w.Flush())...)
}

func newACLRehearse(sh *shared) *cobra.Command {
	var days int
	cmd := &cobra.Command{
		Use: "rehearse FILE", Short: "What the rules of a file would have made of the last days", Args: cobra.ExactArgs(1),
		Example: "  guardhouse acl rehearse proposed.yaml --days 30",
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := proposed(args[0])
			if err != nil {
				return err
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				r, err := a.Rehearsal.Rehearse(cmd.Context(), osPrincipal(), p, days)
				if err != nil {
					return err
				}
				return sh.printRehearsal(r)
			})
		},
	}
	cmd.Flags().IntVar(&days, "days", 14, "how many days to look at, up to 90")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) printRehearsal(r rehearsal.Result) error {
	people := mapEach(r.People, func(c rehearsal.Count) map[string]any {
		return map[string]any{"id": c.ID, "name": c.Name, "gain": c.Gain, "lose": c.Lose, "change": c.Change}
	})
	if sh.json {
		return sh.printJSON(map[string]any{
			"rows": r.Rows, "skipped": r.Skipped, "from": r.From, "to": r.To, "cut": r.Cut, "gain": r.Gain, "lose": r.Lose, "change": r.Change, "people": people,
		})
	}
	_, err := fmt.Fprintf(sh.out, "%d uses from %s to %s\ngain    %d\nlose    %d\nchange  %d\n", r.Rows, when(&r.From), when(&r.To), r.Gain, r.Lose, r.Change)
	errs := []error{err}
	for _, c := range r.People {
		_, err := fmt.Fprintf(sh.out, "  %s: gains %d, loses %d, changes %d\n", printable(c.Name), c.Gain, c.Lose, c.Change)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func newACLHygiene(sh *shared) *cobra.Command {
	var days int
	var apply string
	cmd := &cobra.Command{
		Use: "hygiene", Short: "Rules that do nothing, contradict others, ended or end soon, and unused keys", Args: cobra.NoArgs,
		Example: "  guardhouse acl hygiene --apply shadowed:ward-2",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				if apply != "" {
					done, err := a.Hygiene.Apply(cmd.Context(), osPrincipal(), hygiene.Order{Finding: apply, Days: days})
					if err == nil {
						_, err = fmt.Fprintf(sh.out, "done: %s\n", done.Kind)
					}
					return err
				}
				seen, err := a.Hygiene.Look(cmd.Context(), osPrincipal(), days)
				if err != nil {
					return err
				}
				return sh.printFindings(seen)
			})
		},
	}
	cmd.Flags().IntVar(&days, "days", 30, "how far back to look for rules and keys that nobody used, up to 90")
	cmd.Flags().StringVar(&apply, "apply", "", "do what this finding proposes; with the --days that it was listed with")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) printFindings(seen hygiene.Report) error {
	kind := func(f hygiene.Finding) string {
		if f.Proposal == nil {
			return ""
		}
		return f.Proposal.Kind
	}
	if sh.json {
		return sh.printJSON(map[string]any{"policy_version": seen.Version, "days": seen.Days, "cut": seen.Cut, "items": mapEach(seen.Items, func(f hygiene.Finding) map[string]any {
			return map[string]any{
				"id": f.ID, "code": f.Code, "rule_id": nilIfEmpty(f.RuleID), "other_rule_id": nilIfEmpty(f.OtherRuleID), "key_id": nilIfEmpty(f.KeyID), "proposal": nilIfEmpty(kind(f)),
			}
		})})
	}
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(w, "FINDING\tBESIDE\tPROPOSAL")
	errs := []error{err}
	for _, f := range seen.Items {
		_, err := fmt.Fprintf(w, "%s\t%s\t%s\n", printable(f.ID), orDash(f.OtherRuleID), orDash(kind(f)))
		errs = append(errs, err)
	}
	return errors.Join(append(errs, w.Flush())...)
}
