package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"guardhouse/internal/app"
	"guardhouse/internal/auth"
	"guardhouse/internal/rule"
)

func newKey(sh *shared) *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "API keys", Args: cobra.NoArgs, Example: "  guardhouse key list", RunE: needSubcommand}
	cmd.AddCommand(newKeyCreate(sh), newKeyList(sh), newKeyRotate(sh), newKeyRevoke(sh), newKeyCheck(sh), newKeyConfirm(sh), newKeyRotateSigning(sh))
	return cmd
}

func newKeyCreate(sh *shared) *cobra.Command {
	var (
		k       auth.NewKey
		expires string
	)
	cmd := &cobra.Command{
		Use: "create", Short: "Create an API key; its secret is printed once", Args: cobra.NoArgs,
		Example: "  guardhouse key create --user mobile-bank --label chat --model guard-nano --operation infer --ip 10.0.0.0/8 --rate 100req/min --expires 2027-06-30",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if k.UserName == "" || k.Label == "" {
				return usageError{errors.New("--user and --label are needed")}
			}
			if expires != "" {
				until, err := parseDate(expires)
				if err != nil {
					return usageError{err}
				}
				k.ValidUntil = &until
			}
			if err := checkKeyLimits(k); err != nil {
				return usageError{err}
			}
			return sh.with(cmd.Context(), func(a *app.App) error {
				key, secret, err := a.Auth.CreateKey(cmd.Context(), osPrincipal(), k, nil)
				if err != nil {
					return err
				}
				return sh.sayKey(key, secret)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&k.UserName, "user", "", "whose key it is")
	f.StringVar(&k.Label, "label", "", "what it is for")
	f.StringArrayVar(&k.Models, "model", nil, "a model it may use (repeat; none = all that its owner may)")
	f.StringArrayVar(&k.Operations, "operation", nil, "an operation it may do (repeat; none = all that its owner may)")
	f.StringArrayVar(&k.IPRanges, "ip", nil, "from where it may be used, such as 10.0.0.0/8 (repeat; none = from anywhere)")
	f.StringVar(&k.RateLimit, "rate", "", "how often it may run models, such as 100req/min")
	f.StringVar(&expires, "expires", "", "last moment of use: a date or an RFC 3339 time")
	f.SetNormalizeFunc(keyFlagNames)
	f.BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func newKeyList(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List API keys", Args: cobra.NoArgs, Example: "  guardhouse key list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				keys, err := allKeys(cmd, a)
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(map[string]any{"items": mapEach(keys, keyJSON)})
				}
				w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tUSER\tLABEL\tPREFIX\tLAST USED\tENDS\tREVOKED\tUNCONFIRMED\tNOTE")
				for _, k := range keys {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, printable(k.Username), printable(k.Label), k.Prefix, when(k.LastUsedAt), when(k.ValidUntil), when(k.RevokedAt), when(k.SuspendedAt), keyNote(k))
				}
				return w.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func allKeys(cmd *cobra.Command, a *app.App) ([]auth.Key, error) {
	var all []auth.Key
	for cursor := ""; ; {
		page, err := a.Auth.ListKeys(cmd.Context(), osPrincipal(), 0, cursor)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			return all, nil
		}
	}
}

func newKeyRevoke(sh *shared) *cobra.Command {
	var owner string
	cmd := &cobra.Command{
		Use: "revoke ID | --user NAME", Short: "Revoke an API key, or all of one user; in force within a second", Args: cobra.MaximumNArgs(1),
		Example: "  guardhouse key revoke key_01jx8q4t2m\n  guardhouse key revoke --user mobile-bank",
		RunE: func(cmd *cobra.Command, args []string) error {
			if (owner == "") == (len(args) == 0) {
				return usageError{errors.New("give the id of one key, or --user")}
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				if owner != "" {
					return sh.revokeKeysOf(cmd.Context(), a, owner)
				}
				if err := a.Auth.RevokeKey(cmd.Context(), osPrincipal(), args[0]); err != nil {
					return err
				}
				_, err := fmt.Fprintf(sh.out, "revoked %s\n", printable(args[0]))
				return err
			})
		},
	}
	cmd.Flags().StringVar(&owner, "user", "", "revoke all keys of this user")
	return cmd
}

func (sh *shared) revokeKeysOf(ctx context.Context, a *app.App, owner string) error {
	u, err := a.Auth.UserByName(ctx, owner)
	if err != nil {
		return err
	}
	n, err := a.Auth.RevokeKeysOf(ctx, osPrincipal(), u.ID)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(sh.out, "revoked %d keys of %s\n", n, printable(u.Username))
	return err
}

// keyFlagNames takes the names that the API has for the same things.
func keyFlagNames(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	switch name {
	case "ip-range":
		name = "ip"
	case "rate-limit":
		name = "rate"
	case "valid-until":
		name = "expires"
	}
	return pflag.NormalizedName(name)
}

// checkKeyLimits refuses addresses and rates that are none before anything is opened.
func checkKeyLimits(k auth.NewKey) error {
	for _, text := range k.IPRanges {
		if _, err := rule.ParsePrefix(text); err != nil {
			return err
		}
	}
	if k.RateLimit == "" {
		return nil
	}
	_, err := rule.ParseRate(k.RateLimit)
	return err
}

// keyNote says in a word why somebody may want to look at the key.
func keyNote(k auth.Key) string {
	switch {
	case k.RotatedTo != "":
		return "rotated to " + k.RotatedTo
	case k.Expiring:
		return "expiring"
	case k.Unused:
		return "unused"
	}
	return "-"
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// parseDate takes a day, which ends at its last millisecond in UTC, or an RFC 3339 time.
func parseDate(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return time.Time{}, errors.New("--expires wants a date such as 2027-06-30 or a time such as 2027-06-30T18:00:00Z")
	}
	return t.Add(24*time.Hour - time.Millisecond), nil
}

func keyJSON(k auth.Key) map[string]any {
	return map[string]any{
		"id": k.ID, "label": k.Label, "prefix": k.Prefix, "user_id": k.UserID, "username": k.Username,
		"models": k.Models, "operations": k.Operations, "valid_until": k.ValidUntil, "created_at": k.CreatedAt,
		"last_used_at": k.LastUsedAt, "last_used_ip": k.LastUsedIP, "revoked_at": k.RevokedAt, "suspended_at": k.SuspendedAt,
		"ip_ranges": k.IPRanges, "rate_limit": orNull(k.RateLimit), "rotated_to": orNull(k.RotatedTo), "expiring": k.Expiring, "unused": k.Unused,
	}
}
