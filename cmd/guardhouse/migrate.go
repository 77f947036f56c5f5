package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
)

func newMigrate(sh *shared) *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use: "migrate", Short: "Bring the database to this release's schema (serve does it by itself)", Args: cobra.NoArgs,
		Example: "  guardhouse migrate --dry-run --data /srv/guardhouse\n  guardhouse migrate --data /srv/guardhouse",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := sh.load(nil)
			if err != nil {
				return err
			}
			sh.logTo(c.LogLevel)
			do := app.Migrate
			if dry {
				if !app.Exists(c) {
					return fmt.Errorf("there is no guardhouse database in %s: give the right --data", c.Data)
				}
				do = app.DryRun
			}
			names, err := do(cmd.Context(), c)
			if err != nil {
				return err
			}
			return sh.printMigrations(names, dry)
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "migrate a copy, print what would run, change nothing")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) printMigrations(names []string, dry bool) error {
	if sh.json {
		return sh.printJSON(map[string]any{"dry_run": dry, "migrations": nonNil(names), "schema_ok": true})
	}
	did := "applied"
	if dry {
		did = "would apply"
	}
	var errs []error
	for _, name := range names {
		_, err := fmt.Fprintf(sh.out, "%s %s\n", did, name)
		errs = append(errs, err)
	}
	switch {
	case len(names) == 0:
		_, err := fmt.Fprintln(sh.out, "nothing to do: the schema is this release's")
		errs = append(errs, err)
	case dry:
		_, err := fmt.Fprintln(sh.out, "a copy ended in this release's schema; nothing was changed")
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
