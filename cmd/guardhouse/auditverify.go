package main

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"guardhouse/internal/audit"
	"guardhouse/internal/checkpoint"
	"guardhouse/internal/config"
	"guardhouse/internal/doctor"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
	"guardhouse/internal/verify"
)

// proofs is what `audit verify` is told to check, and with what.
type proofs struct {
	export, evidence, publicKey, anchor string
	trustOwn                            bool
}

func newAuditVerify(sh *shared) *cobra.Command {
	var p proofs
	cmd := &cobra.Command{
		Use: "verify", Short: "Walk the chain: exit 0 if it is whole, else 1 and the first thing wrong", Args: cobra.NoArgs,
		Long: "Walk the chain of the log, with its checkpoints, keys and tombstones: exit 0 if it is whole, else 1 and the first thing wrong.\n" +
			"Nothing is written into the data folder: it may be the live one, beside a running server, or a copy.\n" +
			"With --export it checks a file that audit export wrote, with --evidence one that audit evidence wrote, and needs nothing else than the\n" +
			"public keys. Without --public-key nobody outside vouches for an evidence pack: it is checked against its own keys, and the exit status is 2.",
		Example: "  guardhouse audit verify --data /srv/guardhouse\n" +
			"  guardhouse audit verify --data /mnt/copy --anchor /mnt/anchor\n" +
			"  guardhouse audit verify --anchor /media/usb\n" +
			"  guardhouse audit verify --export audit.jsonl --public-key guardhouse.keys\n" +
			"  guardhouse audit verify --evidence october.zip --public-key guardhouse.keys",
		RunE: func(cmd *cobra.Command, _ []string) error { return sh.auditVerify(cmd.Context(), p) },
	}
	cmd.Flags().StringVar(&p.export, "export", "", "check this export instead of a database")
	cmd.Flags().StringVar(&p.evidence, "evidence", "", "check this evidence pack instead of a database")
	cmd.Flags().StringVar(&p.publicKey, "public-key", "", "file with the public keys that you hold, as guardhouse audit key prints them")
	cmd.Flags().BoolVar(&p.trustOwn, "trust-own-keys", false, "exit 0 for a pack that is whole by its own keys, though anybody can make such a one")
	cmd.Flags().StringVar(&p.anchor, "anchor", "", "folder with copies of checkpoints, or one file of them (default the one of the settings)")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) auditVerify(ctx context.Context, p proofs) error {
	err := sh.verifyOne(ctx, p)
	if sh.json && !answered(err) {
		body := map[string]any{"ok": false, "finding": nil, "problem": oneLine(err)}
		return errors.Join(err, sh.printJSON(body))
	}
	return err
}

// answered says that a report was printed, or that there was nothing to report on.
func answered(err error) bool {
	var found findingError
	var usage usageError
	return err == nil || errors.As(err, &found) || errors.As(err, &usage)
}

func (sh *shared) verifyOne(ctx context.Context, p proofs) error {
	keys, err := readPublicKeys(p.publicKey)
	if err != nil {
		return err
	}
	switch {
	case p.evidence != "":
		return sh.verifyPack(ctx, p, keys)
	case p.export == "":
		return sh.verifyDatabase(ctx, p, keys)
	case p.publicKey == "":
		return usageError{errors.New("an export is checked with the public keys of its log: give --public-key FILE")}
	case p.anchor != "":
		return usageError{errors.New("--anchor is for a database, not for --export")}
	}
	f, err := verify.Export(ctx, p.export, keys)
	if err != nil {
		return err
	}
	return sh.verdict(verify.Report{Report: f.Report, Checkpoints: f.Checkpoints, TrustedBy: verify.Given}, "")
}

// readPublicKeys reads the keys that somebody holds; "" is none.
func readPublicKeys(path string) (_ proof.Keys, err error) {
	if path == "" {
		return proof.Keys{}, nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return proof.Keys{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return proof.Keys{}, errors.Join(err, errors.New("the file of public keys is no plain file"))
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return proof.Keys{}, err
	}
	return proof.ParseKeys(text)
}

func (sh *shared) verifyDatabase(ctx context.Context, p proofs, keys proof.Keys) error {
	c, err := sh.load(nil)
	if err != nil {
		return err
	}
	sh.logTo(c.LogLevel)
	look, done, lacks := doctor.LookAt(ctx, c.Data)
	if look == nil {
		return unreadable(lacks)
	}
	defer done()
	known, err := anchored(ctx, c, p.anchor, keys)
	if err != nil {
		return err
	}
	report, err := verify.Database(ctx, audit.New(look, nil), known)
	if err != nil {
		return unreadable(err)
	}
	if report.OK() && lacks != nil {
		// Whoever took the guards away changed the file, whatever he did behind them.
		report.Finding, report.Detail = audit.Edited, fault.From(lacks).Message
	}
	if err := sh.verdict(report, notLookedAt); err != nil || p.anchor == "" || report.Copies > 0 {
		return err
	}
	return usageError{errors.New("--anchor names nothing to compare: there is no copy of a checkpoint (files *.notes or *.note)")}
}

// anchored takes the folder that somebody names as one that he keeps, and else that of the settings. It refuses one that does not
// answer.
func anchored(ctx context.Context, c *config.Config, given string, keys proof.Keys) (verify.Options, error) {
	if given != "" {
		return verify.Options{Keys: keys, Anchor: given, Outside: true}, nil
	}
	outside, err := checkpoint.Outside(ctx, c.Data, c.Anchor)
	return verify.Options{Keys: keys, Anchor: checkpoint.AnchorDir(c.Data, c.Anchor), Outside: outside, Set: c.Anchor != ""}, err
}
