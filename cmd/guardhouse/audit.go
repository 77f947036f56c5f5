package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/audit"
)

func newAudit(sh *shared) *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "The tamper-evident log", Args: cobra.NoArgs, RunE: needSubcommand}
	cmd.AddCommand(newAuditVerify(sh))
	return cmd
}

func newAuditVerify(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify", Short: "Walk the chain: exit 0 if it is whole, else 1 and the first thing wrong", Args: cobra.NoArgs,
		Example: "  guardhouse audit verify --data /srv/guardhouse",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.with(cmd.Context(), func(a *app.App) error {
				report, err := a.Audit.Verify(cmd.Context())
				if err != nil {
					return err
				}
				if err := printReport(sh, report); err != nil {
					return err
				}
				if report.Finding != "" {
					return fmt.Errorf("audit chain: %s", report.Finding)
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func printReport(sh *shared, r audit.Report) error {
	if sh.json {
		return sh.printJSON(r)
	}
	var errs []error
	say := func(format string, args ...any) {
		_, err := fmt.Fprintf(sh.out, format+"\n", args...)
		errs = append(errs, err)
	}
	say("rows          %d", r.Rows)
	if r.Rows > 0 {
		say("range         %s to %s", when(&r.First), when(&r.Last))
		say("head          %s", r.HeadHash)
	}
	for _, line := range r.NotProvable {
		say("not provable: %s", line)
	}
	return errors.Join(errs...)
}
