package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/checkpoint"
	"guardhouse/internal/fault"
)

func newAuditKey(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "key", Short: "Print the public keys by which the log is proved", Args: cobra.NoArgs,
		Long: "Print the public keys by which checkpoints and exports are proved, oldest first, one a line behind a line of comment.\n" +
			"Give them to whoever is to check the log, on a way that the keeper of the log does not hold.",
		Example: "  guardhouse audit key > public-keys",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error { return sh.printAuditKeys(cmd.Context(), a) })
		},
	}
	show := &cobra.Command{Use: "show", Short: cmd.Short, Args: cobra.NoArgs, Example: "  guardhouse audit key show --json", RunE: cmd.RunE}
	for _, c := range []*cobra.Command{cmd, show} {
		c.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	}
	cmd.AddCommand(show, newAuditKeyRotate(sh))
	return cmd
}

func newAuditKeyRotate(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate", Short: "Sign with a new key from now on, for which the old one vouches", Args: cobra.NoArgs,
		Example: "  guardhouse audit key rotate && guardhouse audit key > public-keys",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				k, err := a.Checkpoints.Rotate(cmd.Context(), osPrincipal())
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(auditKeyJSON(k))
				}
				_, err = fmt.Fprint(sh.out, checkpoint.PublicKeyLines(k))
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func newAuditCheckpoint(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "checkpoint", Short: "Sign the log's end now, and print the note", Args: cobra.NoArgs,
		Long:    "Sign the log's end now, store and copy the checkpoint, and print it. Whoever keeps what is printed can prove what the log was.",
		Example: "  guardhouse audit checkpoint > /media/usb/$(date +%F).note",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				row, err := a.Checkpoints.Take(cmd.Context(), osPrincipal())
				if err != nil {
					return err
				}
				if sh.json {
					err = sh.printJSON(checkpointJSON(row))
				} else {
					_, err = fmt.Fprint(sh.out, row.Note)
				}
				if problem := a.Checkpoints.State().Anchor.Problem; problem != "" {
					err = errors.Join(err, fault.New(fault.Unprocessable, "The checkpoint is made; its copy is not. "+problem))
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) printAuditKeys(ctx context.Context, a *app.App) error {
	keys, err := a.Checkpoints.Keys(ctx)
	if err != nil {
		return err
	}
	if sh.json {
		list := make([]map[string]any, 0, len(keys))
		for _, k := range keys {
			list = append(list, auditKeyJSON(k))
		}
		return sh.printJSON(map[string]any{"items": list})
	}
	if len(keys) == 0 {
		return fault.New(fault.NotFound, "The log has no key yet: the server makes one at its start, and `guardhouse audit checkpoint` does.")
	}
	for _, k := range keys {
		if _, err := fmt.Fprint(sh.out, checkpoint.PublicKeyLines(k)); err != nil {
			return err
		}
	}
	return nil
}

func auditKeyJSON(k checkpoint.KeyRow) map[string]any {
	body := map[string]any{
		"id": k.ID, "verifier": k.Verifier, "at": k.At.UTC().Format(time.RFC3339), "until": nil, "previous": nil, "note": k.Note, "event_id": k.EventID,
	}
	if k.Previous != "" {
		body["previous"] = k.Previous
	}
	if !k.Until.IsZero() {
		body["until"] = k.Until.UTC().Format(time.RFC3339)
	}
	return body
}

func checkpointJSON(r checkpoint.Row) map[string]any {
	return map[string]any{
		"number": r.Number, "seq": r.Seq, "hash": r.Hash, "at": r.At.UTC().Format("2006-01-02T15:04:05.000Z"), "cause": r.Cause, "key_id": r.KeyID,
		"previous": r.Previous, "note": r.Note,
	}
}
