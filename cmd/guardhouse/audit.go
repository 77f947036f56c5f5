package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/audit"
)

func newAudit(sh *shared) *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "The tamper-evident log", Args: cobra.NoArgs, Example: "  guardhouse audit verify", RunE: needSubcommand}
	cmd.AddCommand(newAuditVerify(sh))
	return cmd
}

func newAuditVerify(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify", Short: "Walk the chain: exit 0 if it is whole, else 1 and the first thing wrong", Args: cobra.NoArgs,
		Example: "  guardhouse audit verify --data /srv/guardhouse",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				report, err := a.Audit.Verify(cmd.Context())
				if err != nil {
					return err
				}
				if err := printReport(sh, report); err != nil || report.OK() {
					return err
				}
				return fmt.Errorf("%s at row %d: %s", report.Finding, report.At, report.Detail)
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// printReport writes what was walked. Checkpoints are not part of this release, and verify says so itself.
func printReport(sh *shared, r audit.Report) error {
	if sh.json {
		return sh.printJSON(reportJSON(r))
	}
	var errs []error
	say := func(format string, args ...any) {
		_, err := fmt.Fprintf(sh.out, format+"\n", args...)
		errs = append(errs, err)
	}
	say("rows         %d", r.Rows)
	if r.Rows > 0 {
		say("range        %d to %d, %s to %s", r.First, r.Last, when(&r.From), when(&r.To))
		say("head         %s", r.LastHash)
	}
	say("checkpoints  0")
	for _, line := range r.NotProvable {
		say("not provable: %s", line)
	}
	return errors.Join(errs...)
}

func reportJSON(r audit.Report) map[string]any {
	body := map[string]any{
		"ok": r.OK(), "rows": r.Rows, "first_seq": r.First, "last_seq": r.Last, "head_hash": r.LastHash,
		"from": nil, "to": nil, "checkpoints": 0, "not_provable": r.NotProvable, "finding": nil,
	}
	if r.Rows > 0 {
		body["from"], body["to"] = r.From, r.To
	}
	if !r.OK() {
		body["finding"] = map[string]any{"kind": r.Finding, "seq": r.At, "detail": r.Detail}
	}
	return body
}
