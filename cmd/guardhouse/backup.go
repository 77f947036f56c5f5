package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/backup"
)

// keyFlags say what opens or closes an archive. Without either it is the file beside it.
type keyFlags struct {
	file      string
	fromStdin bool
}

func (k *keyFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.file, "key-file", "", "key of the archive (default FILE.key)")
	cmd.Flags().BoolVar(&k.fromStdin, "passphrase-stdin", false, "read a passphrase from standard input (one line) instead of a key file")
}

// given answers the key that the flags name; ok is false where they name none.
func (k *keyFlags) given(in io.Reader) (key backup.Key, ok bool, err error) {
	switch {
	case k.fromStdin && k.file != "":
		return backup.Key{}, false, usageError{errors.New("an archive has one key: give --key-file or --passphrase-stdin")}
	case k.fromStdin:
		text, err := readPassword(in)
		if err == nil {
			key, err = backup.Passphrase(text)
		}
		return key, true, err
	case k.file != "":
		key, err := backup.ReadKeyFile(k.file)
		return key, true, err
	}
	return backup.Key{}, false, nil
}

func newBackup(sh *shared) *cobra.Command {
	var (
		keys         keyFlags
		force, whole bool
	)
	cmd := &cobra.Command{
		Use: "backup FILE", Short: "Write an encrypted backup of the data folder, beside a running server", Args: cobra.ExactArgs(1),
		Example: "  guardhouse backup /mnt/backup/monday.ghb --key-file /etc/guardhouse/backup.key\n" +
			"  guardhouse backup monday.ghb --include-keys",
		RunE: func(cmd *cobra.Command, args []string) error {
			r := backup.Request{File: args[0], IncludeKeys: whole, Overwrite: force}
			return sh.within(cmd.Context(), func(a *app.App) error {
				fresh, undo, err := keys.forBackup(sh.in, &r)
				if err != nil {
					return err
				}
				archive, err := a.Backup(cmd.Context(), osPrincipal(), r)
				if err != nil {
					return errors.Join(err, undo())
				}
				return sh.printBackup(r, archive, fresh)
			})
		},
	}
	keys.register(cmd)
	cmd.Flags().BoolVar(&whole, "include-keys", false, "put the server's own keys in as well (secrets and tls in the data folder)")
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE if it is an older backup, once the new one is whole")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// forBackup puts the key into the request. Where the flags name none it makes FILE.key and answers its name; undo removes it
// again if nothing came of it. The key of an archive that is replaced serves once more.
func (k *keyFlags) forBackup(in io.Reader, r *backup.Request) (fresh string, undo func() error, err error) {
	undo = func() error { return nil }
	key, ok, err := k.given(in)
	if ok || err != nil {
		r.Key = key
		return "", undo, err
	}
	fresh = r.File + ".key"
	if _, err := os.Lstat(r.File); err == nil && !r.Overwrite {
		return "", undo, fmt.Errorf("%s is there already: take another name, or --force to replace it", r.File)
	}
	if r.Key, err = backup.WriteKeyFile(fresh); errors.Is(err, fs.ErrExist) && r.Overwrite {
		r.Key, err = backup.ReadKeyFile(fresh)
		return fresh, undo, err
	}
	return fresh, func() error { return os.Remove(fresh) }, err
}

func (sh *shared) printBackup(r backup.Request, a backup.Archive, fresh string) error {
	if sh.json {
		return sh.printJSON(map[string]any{"file": r.File, "key_file": nullable(fresh), "archive": a})
	}
	var errs []error
	say := func(format string, args ...any) {
		_, err := fmt.Fprintf(sh.out, format+"\n", args...)
		errs = append(errs, err)
	}
	say("wrote    %s (files inside: %d), read back and whole", printable(r.File), len(a.Files))
	say("audit    up to row %d, %s", a.Head.Seq, a.Head.Hash)
	if fresh != "" {
		say("key      %s: keep it somewhere else; who has both can read all of it, without it nobody can", printable(fresh))
	}
	if !a.Keys {
		say("not in   the server's keys (secrets and tls in the data folder): without them API keys are void after a restore")
	}
	for _, m := range a.Models {
		say("not in   model %s: file %s, sha256 %s", printable(m.ID), printable(m.File), m.SHA256)
	}
	return errors.Join(errs...)
}

// nullable is null in JSON where there is nothing to name.
func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}
