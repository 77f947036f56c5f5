package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/auth"
)

func newKeyRotate(sh *shared) *cobra.Command {
	var expires string
	var overlap time.Duration
	cmd := &cobra.Command{
		Use: "rotate ID", Short: "Make a key in the place of another; its secret is printed once", Args: cobra.ExactArgs(1),
		Long: "Make a key with the label, scopes, addresses and rate of another, which ends after the overlap. Rules that name the\n" +
			"old key, its limits and what it has used go on with the new one.",
		Example: "  guardhouse key rotate key_01jx8q4t2m --overlap 72h\n  guardhouse key rotate key_01jx8q4t2m --overlap 0s",
		RunE: func(cmd *cobra.Command, args []string) error {
			r := auth.KeyRotation{Overlap: &overlap}
			if expires != "" {
				until, err := parseDate(expires)
				if err != nil {
					return usageError{err}
				}
				r.ValidUntil = &until
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				key, secret, err := a.Auth.RotateKey(cmd.Context(), osPrincipal(), args[0], r, nil)
				if err != nil {
					return err
				}
				return sh.sayKey(key, secret)
			})
		},
	}
	cmd.Flags().DurationVar(&overlap, "overlap", 24*time.Hour, "how long the old key still works, at most 720h; 0s ends it at once")
	cmd.Flags().StringVar(&expires, "expires", "", "last moment of use of the new key (default: it lives as long as the old one was made for)")
	cmd.Flags().SetNormalizeFunc(keyFlagNames)
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// sayKey prints a new key with its secret.
func (sh *shared) sayKey(key auth.Key, secret string) error {
	if sh.json {
		body := keyJSON(key)
		body["key"] = secret
		return sh.printJSON(body)
	}
	_, err := fmt.Fprintf(sh.out, "%s\nkey %s of %s; the line above is shown only once\n", secret, key.ID, printable(key.Username))
	return err
}

// newKeyCheck needs no data folder: a key carries a checksum.
func newKeyCheck(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "check", Short: "Say whether a key on standard input is one or was mistyped, without any server", Args: cobra.NoArgs,
		Long: "Say whether a key on standard input is one or was mistyped or cut, without any server: its last six characters are a\n" +
			"checksum of the others. Whether it still works only the server knows.",
		Example: "  pbpaste | guardhouse key check",
		RunE: func(_ *cobra.Command, _ []string) error {
			text, err := io.ReadAll(io.LimitReader(sh.in, 1<<10))
			if err != nil {
				return fmt.Errorf("reading the key: %w", err)
			}
			id, ok := auth.KeyID(strings.TrimSpace(string(text)))
			if !ok {
				return errors.New("this is no Guardhouse key: it was mistyped, or a part is missing")
			}
			if sh.json {
				return sh.printJSON(map[string]any{"id": id})
			}
			_, err = fmt.Fprintf(sh.out, "%s: the checksum is right\n", id)
			return err
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}
