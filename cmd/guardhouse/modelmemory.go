package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
)

// modelCommand is a command on one model of a folder that is there.
func modelCommand(sh *shared, use, short, example string, do func(context.Context, *app.App, string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: use + " ID", Short: short, Args: cobra.ExactArgs(1), Example: "  guardhouse model " + example,
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error { return do(cmd.Context(), a, args[0]) })
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func newModelLoad(sh *shared) *cobra.Command {
	return modelCommand(sh, "load", "Bring a model into the memory of the running server", "load qwen3guard-gen-4b", func(ctx context.Context, a *app.App, id string) error {
		m, err := a.Catalog.Load(ctx, osPrincipal(), catalog.Change{ID: id})
		if err != nil {
			return err
		}
		return sh.follow(ctx, a, m, "is loaded", func(st app.ModelState) bool { return st.State == catalog.StateReady })
	})
}

func newModelUnload(sh *shared) *cobra.Command {
	return modelCommand(sh, "unload", "Take a model out of the memory of the running server", "unload qwen3guard-gen-4b", func(ctx context.Context, a *app.App, id string) error {
		m, err := a.Catalog.Unload(ctx, osPrincipal(), catalog.Change{ID: id})
		if err != nil {
			return err
		}
		return sh.follow(ctx, a, m, "is out of memory", func(st app.ModelState) bool { return st.State == catalog.StateUnloaded })
	})
}

func newModelDefault(sh *shared) *cobra.Command {
	var c catalog.DefaultChange
	cmd := modelCommand(sh, "default", "Make a model the default of its kind, without a gap", "default qwen3guard-gen-4b --replace", func(ctx context.Context, a *app.App, id string) error {
		if c.Interrupt && !c.Replace {
			return usageError{errors.New("--interrupt goes with --replace: nothing else makes room")}
		}
		c.ID = id
		m, err := a.Catalog.MakeDefault(ctx, osPrincipal(), c)
		if err != nil {
			return err
		}
		err = sh.follow(ctx, a, m, "is the default", func(st app.ModelState) bool { return st.Default && !st.Pending && st.State == catalog.StateReady })
		if err == nil && !sh.json && openToNobody(a.Guard, m.ID) {
			_, err = fmt.Fprintf(sh.err, "No rule lets anybody use %s: who asks for the default is refused. Make a rule on the page Models, or with guardhouse acl apply.\n", m.ID)
		}
		return err
	})
	cmd.Flags().BoolVar(&c.Replace, "replace", false, "the default before it goes out of memory then")
	cmd.Flags().BoolVar(&c.Interrupt, "interrupt", false, "with --replace: it goes first where both do not fit, and until then nobody is served")
	return cmd
}

func newModelRemove(sh *shared) *cobra.Command {
	return modelCommand(sh, "remove", "Take a model out of the catalogue for good, and its file off the disk", "remove old-guard", func(ctx context.Context, a *app.App, id string) error {
		m, err := a.Catalog.Remove(ctx, osPrincipal(), catalog.Change{ID: id})
		if err != nil {
			return err
		}
		if sh.json {
			return sh.printJSON(map[string]any{"id": m.ID, "sha256": m.SHA256, "removed": true})
		}
		_, err = fmt.Fprintf(sh.out, "%s is removed, and its id is never used again.\n", m.ID)
		return err
	})
}

func newModelVerify(sh *shared) *cobra.Command {
	return modelCommand(sh, "verify", "Hash a model's file once more", "verify guard-nano", func(ctx context.Context, a *app.App, id string) error {
		tell := sh.steps()
		m, wrong, err := a.Catalog.Verify(ctx, osPrincipal(), id, func(done float64) { tell("hashing", done) })
		if err != nil {
			return err
		}
		if sh.json {
			err = sh.printJSON(map[string]any{"id": m.ID, "sha256": m.SHA256, "equal": wrong == nil, "code": catalog.FileFault(wrong)})
		} else if wrong == nil {
			_, err = fmt.Fprintf(sh.out, "%s is the file that was imported: sha256 %s\n", m.ID, m.SHA256)
		}
		if err == nil && wrong != nil {
			err = fault.Newf(fault.Unprocessable, "%s: %s", m.ID, fault.From(wrong).Message)
		}
		return err
	})
}

// follow shows how the server does what was asked, until it has, and fails where it could not.
func (sh *shared) follow(ctx context.Context, a *app.App, m catalog.Model, what string, done func(app.ModelState) bool) error {
	tell := sh.steps()
	var last app.ModelState
	served, err := a.FollowModel(ctx, m, func(st app.ModelState) bool { return done(st) || st.State == catalog.StateFailed && !st.Pending }, func(st app.ModelState) {
		last = st
		if st.State == catalog.StateLoading {
			tell(st.Stage, st.Progress)
		}
	})
	switch {
	case err != nil:
		return err
	case served && last.State == catalog.StateFailed && last.Code == catalog.CanaryDrift:
		return fault.Newf(fault.Unprocessable, "%s is not used: %s", m.ID, last.Reason)
	case served && last.State == catalog.StateFailed:
		return fault.Newf(fault.Unprocessable, "%s could not be loaded: %s", m.ID, last.Reason)
	case sh.json:
		return sh.printJSON(map[string]any{"id": m.ID, "served": served, "state": last.State, "default": last.Default})
	case !served:
		_, err = fmt.Fprintf(sh.out, "Stored. No server runs on this folder: %s %s from its next start on.\n", m.ID, what)
		return err
	}
	_, err = fmt.Fprintf(sh.out, "%s %s.\n", m.ID, what)
	return err
}

// steps answers who writes how far something is to standard error, a line for each stage and each tenth.
func (sh *shared) steps() func(stage string, done float64) {
	said := ""
	return func(stage string, done float64) {
		const tenth = 10
		line := fmt.Sprintf("%s %d %%", stage, int(math.Floor(done*tenth))*tenth)
		if line != said && !sh.json {
			said = line
			fmt.Fprintln(sh.err, line)
		}
	}
}
