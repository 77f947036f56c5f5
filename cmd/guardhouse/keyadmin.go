package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/auth"
)

func newKeyConfirm(sh *shared) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "confirm ID | --all", Short: "Switch keys on again that a restore switched off", Args: cobra.MaximumNArgs(1),
		Example: "  guardhouse key confirm key_01jx8q4t2m\n  guardhouse key confirm --all",
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) == 1) {
				return usageError{errors.New("give the id of one key, or --all")}
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				ids := args
				if all {
					var err error
					if ids, err = suspendedKeys(cmd, a); err != nil {
						return err
					}
				}
				return confirmKeys(cmd, sh, a, ids)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every key that is switched off")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func suspendedKeys(cmd *cobra.Command, a *app.App) ([]string, error) {
	keys, err := allKeys(cmd, a)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, k := range keys {
		if k.SuspendedAt != nil && k.RevokedAt == nil {
			ids = append(ids, k.ID)
		}
	}
	return ids, nil
}

func confirmKeys(cmd *cobra.Command, sh *shared, a *app.App, ids []string) error {
	confirmed := make([]auth.Key, 0, len(ids))
	for _, id := range ids {
		k, err := a.Auth.ConfirmKey(cmd.Context(), osPrincipal(), id)
		if err != nil {
			return err
		}
		confirmed = append(confirmed, k)
		if sh.json {
			continue
		}
		if _, err := fmt.Fprintf(sh.out, "confirmed %s of %s\n", k.ID, printable(k.Username)); err != nil {
			return err
		}
	}
	if sh.json {
		return sh.printJSON(map[string]any{"items": mapEach(confirmed, keyJSON)})
	}
	if len(ids) == 0 {
		_, err := fmt.Fprintln(sh.out, "no key is switched off")
		return err
	}
	return nil
}

func newKeyRotateSigning(sh *shared) *cobra.Command {
	var o auth.Rotation
	cmd := &cobra.Command{
		Use: "rotate-signing", Short: "Replace the key that bearer tokens are signed with", Args: cobra.NoArgs,
		Long: "Replace the key that bearer tokens are signed with. Nobody is signed out: tokens of the old key stay good until they end.\n" +
			"With --retire-now, for a key that has leaked, all of them are void at once; programs renew theirs by refresh token.\n" +
			"A running server notices within a second.",
		Example: "  guardhouse key rotate-signing\n  guardhouse key rotate-signing --retire-now",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				kid, err := a.Auth.RotateSigningKey(cmd.Context(), osPrincipal(), o)
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(map[string]any{"kid": kid, "retired_now": o.RetireNow})
				}
				what := "tokens signed before stay good until they end"
				if o.RetireNow {
					what = "tokens signed before are void"
				}
				_, err = fmt.Fprintf(sh.out, "%s signs from now on; %s\n", kid, what)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&o.RetireNow, "retire-now", false, "make every bearer token void at once")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}
