package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
)

// newModelCanary takes what a guard says now for right.
func newModelCanary(sh *shared) *cobra.Command {
	var record bool
	cmd := &cobra.Command{
		Use: "canary --record MODEL", Short: "Take what a guard answers to its canaries now for right", Args: cobra.ExactArgs(1),
		Long: "A guard answers the same fixed texts at every start and once a day; one that answers otherwise than recorded is not used,\n" +
			"and the default guard keeps readiness off. Find out what changed first: processor, kernels, device, memory, the file.\n" +
			"Where the new answers are right, this records them, in the log too. A running server notices within a second.",
		Example: "  guardhouse model canary --record guard-nano",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !record {
				return usageError{errors.New("say --record: what a guard answers is held against what is recorded by the server alone")}
			}
			return sh.with(cmd.Context(), func(a *app.App) error {
				m, err := a.RecordCanaries(cmd.Context(), osPrincipal(), args[0])
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(sh.out, "What %s (sha256 %s) answers to its canaries is recorded.\n", m.ID, m.SHA256)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&record, "record", false, "record the answers")
	return cmd
}
