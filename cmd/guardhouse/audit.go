package main

import "github.com/spf13/cobra"

func newAudit(sh *shared) *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "The tamper-evident log", Args: cobra.NoArgs, Example: "  guardhouse audit verify", RunE: needSubcommand}
	cmd.AddCommand(newAuditKey(sh), newAuditCheckpoint(sh), newAuditExport(sh), newAuditEvidence(sh), newAuditForward(sh), newAuditVerify(sh), newAuditRetention(sh), newAuditPrune(sh), newAuditHold(sh), newAuditClock(sh))
	return cmd
}
