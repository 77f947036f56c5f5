package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
)

func newMigrate(sh *shared) *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the database to this release's schema (serve does it by itself)", Args: cobra.NoArgs,
		Example: "  guardhouse migrate --data /srv/guardhouse",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := sh.load(nil)
			if err != nil {
				return err
			}
			sh.logTo(c.LogLevel)
			applied, err := app.Migrate(cmd.Context(), c)
			if err != nil {
				return err
			}
			for _, name := range applied {
				if _, err := fmt.Fprintf(sh.out, "applied %s\n", name); err != nil {
					return err
				}
			}
			if len(applied) == 0 {
				_, err = fmt.Fprintln(sh.out, "nothing to do: the schema is this release's")
			}
			return err
		},
	}
}
