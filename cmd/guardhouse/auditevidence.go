package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
)

func newAuditEvidence(sh *shared) *cobra.Command {
	var f exportFlags
	var out string
	var force bool
	cmd := &cobra.Command{
		Use: "evidence --out FILE", Short: "Write one signed file for an auditor: settings, people, rules, models and the log of a period", Args: cobra.NoArgs,
		Long: "Write one signed zip file for an auditor, beside a running server: settings without their secrets, people and what each may, every version of the\n" +
			"rules, models and software with their hashes, the rows of a period with their proofs, public keys, and the program that checks it all.\n" +
			"Give it away as it is: packed again it is another file, and its check fails. The log has a row for it.",
		Example: "  guardhouse audit evidence --from 2026-10-01 --to 2026-11-01 --out october.zip\n" +
			"  guardhouse audit verify --evidence october.zip --public-key public-keys",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return usageError{errors.New("a pack is a file: say --out FILE")}
			}
			r, err := f.request()
			if err != nil {
				return err
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				return errors.Join(sh.warnOfFinding(cmd.Context(), a), sh.evidenceTo(cmd.Context(), a, r.Filter.From, r.Filter.To, newFile{name: out, force: force}))
			})
		},
	}
	cmd.Flags().StringVar(&f.from, "from", "", "rows from this time on: a date or an RFC 3339 time")
	cmd.Flags().StringVar(&f.to, "to", "", "rows before this time")
	cmd.Flags().StringVar(&out, "out", "", "the file; it gets its name when it is whole")
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE if it is there, once the new one is whole")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) evidenceTo(ctx context.Context, a *app.App, from, to time.Time, file newFile) error {
	if err := file.free(); err != nil {
		return err
	}
	p, err := a.Evidence.Begin(ctx, osPrincipal(), from, to)
	if err != nil {
		return err
	}
	part, err := file.create()
	if err != nil {
		return p.Abandon(err)
	}
	sum, err := p.Write(ctx, a.Export.Disk(part))
	if err = file.finish(part, err); err != nil {
		return err
	}
	served, since := p.Server()
	if sh.json {
		return sh.printJSON(map[string]any{
			"file": file.name, "of_server": served, "rows": sum.Rows, "first_seq": sum.First, "last_seq": sum.Last, "bytes": sum.Bytes, "sha256": sum.SHA256, "missing_seq": sum.Missing,
		})
	}
	whose := "this command: no server runs on the data folder"
	if served {
		whose = "the server that runs since " + since.UTC().Format(time.RFC3339)
	}
	_, err = fmt.Fprintf(sh.out, "wrote    %s (%d bytes, sha256 %s)\nrows     %d, %d to %d\nsettings of %s\ncheck    guardhouse audit verify --evidence %s --public-key PUBLIC-KEYS\n",
		printable(file.name), sum.Bytes, sum.SHA256, sum.Rows, sum.First, sum.Last, whose, printable(file.name))
	if sum.Missing > 0 {
		_, missing := fmt.Fprintf(sh.out, "MISSING  row %d is not in the log as it was written, and no tombstone stands for it: guardhouse audit verify says more\n", sum.Missing)
		err = errors.Join(err, missing)
	}
	return err
}
