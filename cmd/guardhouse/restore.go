package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/backup"
	"guardhouse/internal/config"
)

func newRestore(sh *shared) *cobra.Command {
	var (
		keys    keyFlags
		replace bool
	)
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "Put a backup into the data folder, after it has been verified, and end all access it would revive",
		Args: cobra.ExactArgs(1),
		Example: "  guardhouse restore monday.ghb --data /srv/guardhouse\n" +
			"  guardhouse restore /mnt/backup/monday.ghb --key-file /etc/guardhouse/backup.key --data /srv/guardhouse --replace",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := sh.load(nil)
			if err != nil {
				return err
			}
			sh.logTo(c.LogLevel)
			r := backup.Restoration{File: args[0], Replace: replace, Now: time.Now} //nolint:forbidigo // the clock of the command line
			if r.Key, err = keys.forRestore(sh.in, args[0]); err != nil {
				return err
			}
			out, err := app.Restore(cmd.Context(), c, osPrincipal(), r)
			if err != nil {
				return err
			}
			return sh.printRestored(c, out)
		},
	}
	keys.register(cmd)
	cmd.Flags().BoolVar(&replace, "replace", false, "put a database that is there aside, in a dated folder in the data folder")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// forRestore answers the key that the flags name, or the one beside the archive.
func (k *keyFlags) forRestore(in io.Reader, file string) (backup.Key, error) {
	key, ok, err := k.given(in)
	if ok || err != nil {
		return key, err
	}
	if _, err := os.Lstat(file); err != nil {
		return backup.Key{}, fmt.Errorf("opening the archive: %w", err)
	}
	key, err = backup.ReadKeyFile(file + ".key")
	if errors.Is(err, fs.ErrNotExist) {
		return backup.Key{}, usageError{fmt.Errorf("there is no %s.key: give the archive's key with --key-file or --passphrase-stdin", file)}
	}
	return key, err
}

func (sh *shared) printRestored(c *config.Config, out backup.Restored) error {
	missing := app.MissingModels(c, out.Archive.Models)
	aside := ""
	if out.Aside != "" {
		aside = filepath.Join(c.Data, out.Aside)
	}
	if sh.json {
		return sh.printJSON(map[string]any{
			"data": c.Data, "archive": out.Archive, "migrated": nonNil(out.Migrated), "audit_head": out.Head, "sessions_ended": out.Sessions,
			"keys_suspended": out.APIKeys, "put_aside": nullable(aside), "models_to_bring": missing,
		})
	}
	var errs []error
	say := func(format string, args ...any) {
		_, err := fmt.Fprintf(sh.out, format+"\n", args...)
		errs = append(errs, err)
	}
	say("restored %s: the backup of %s, verified, up to audit row %d", printable(c.Data), when(&out.Archive.CreatedAt), out.Archive.Head.Seq)
	for _, name := range out.Migrated {
		say("applied  %s", name)
	}
	say("ended    sessions: %d; everybody signs in again", out.Sessions)
	if out.APIKeys > 0 {
		say("off      %d API keys, until each is confirmed: guardhouse key list, guardhouse key confirm ID", out.APIKeys)
	}
	if !out.Archive.Keys {
		say("keys     the server's own were not in it: with other files in secrets than at the time of the backup, API keys are void")
	}
	if aside != "" {
		say("aside    what was there before is in %s: remove it when you are sure", printable(aside))
	}
	for _, m := range missing {
		say("bring    model %s: file %s (sha256 %s) into %s, or import it again", printable(m.ID), printable(m.File), m.SHA256, printable(c.ModelsDir))
	}
	say("check    rights given or taken since the backup are as they were then: compare users, roles and rules")
	return errors.Join(errs...)
}

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
