package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/policy"
	"guardhouse/internal/rule"
)

// readPolicy reads a file of rules, or standard input for "-", and no more of it than a policy may have. whole says that it shows
// that nothing is missing at its end.
func readPolicy(sh *shared, name string) (f rule.File, whole bool, err error) {
	in, closeIn, err := openLines(sh, name)
	if err != nil {
		return rule.File{}, false, err
	}
	defer closeIn()
	data, err := io.ReadAll(io.LimitReader(in, rule.MaxFile+1))
	if err != nil {
		return rule.File{}, false, fmt.Errorf("reading the rules: %w", err)
	}
	f, err = rule.ParseFile(data)
	return f, rule.Ended(data), err
}

// noMark is what is missing in a file that may be the first part of another.
const noMark = "it looks cut off: there is no line `...` at its end"

// aclWrite writes the rules of a file.
type aclWrite func(ctx context.Context, a *app.App, f rule.File, w policy.Write) (policy.Change, error)

// newACLWrite is a command that reads a file of rules and writes them. accept may refuse what was read, by where it came from and
// whether it shows that it is whole.
func newACLWrite(sh *shared, cmd *cobra.Command, accept func(name string, whole bool) error, write aclWrite) *cobra.Command {
	var w policy.Write
	cmd.Args = cobra.ExactArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f, whole, err := readPolicy(sh, args[0])
		if err != nil {
			return err
		}
		if err := accept(args[0], whole); err != nil {
			return err
		}
		return sh.within(cmd.Context(), func(a *app.App) error {
			c, err := write(cmd.Context(), a, f, w)
			if err != nil {
				return err
			}
			return sh.printChange(c)
		})
	}
	cmd.Flags().BoolVar(&w.DryRun, "dry-run", false, "check everything and change nothing")
	cmd.Flags().StringVar(&w.Note, "note", "", "why, for the history")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func newACLPut(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "put FILE|-", Short: "Add the rules of a file, or replace those of their ids; all others stay", Example: "  guardhouse acl put ward.yaml",
	}
	anything := func(string, bool) error { return nil } // what is missing stays as it was
	return newACLWrite(sh, cmd, anything, func(ctx context.Context, a *app.App, f rule.File, w policy.Write) (policy.Change, error) {
		if f.Default != "" {
			return policy.Change{}, errors.New("the file has a default, which belongs to a whole policy: use acl import")
		}
		return a.Policy.PutSome(ctx, osPrincipal(), f.Rules, w)
	})
}

func newACLImport(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "import FILE|-", Aliases: []string{"apply"}, Short: "Replace all rules by those of a file; what it does not name is removed",
		Long: "Replace all rules by those of a file; what it does not name is removed.\n" +
			"Standard input has to end with the line `...` of an export, or be JSON: a pipe that broke leaves a part that would remove the rest.",
		Example: "  guardhouse acl import --dry-run acl.yaml",
	}
	partial := cmd.Flags().Bool("partial", false, "take standard input that has no line `...` at its end")
	complete := func(name string, whole bool) error {
		if name != "-" || whole || *partial {
			return nil
		}
		return errors.New(noMark + ", as where the program before the pipe failed, and the rules that are missing would be removed. Where it is whole, add --partial")
	}
	return newACLWrite(sh, cmd, complete, func(ctx context.Context, a *app.App, f rule.File, w policy.Write) (policy.Change, error) {
		return a.Policy.PutPolicy(ctx, osPrincipal(), f, w)
	})
}

func (sh *shared) printChange(c policy.Change) error {
	if sh.json {
		return sh.printJSON(map[string]any{
			"version": c.Version, "dry_run": c.DryRun, "added": list(c.Added), "changed": list(c.Changed), "removed": list(c.Removed), "total": c.Total,
		})
	}
	for _, part := range []struct {
		sign string
		ids  []string
	}{{"+", c.Added}, {"~", c.Changed}, {"-", c.Removed}} {
		for _, id := range part.ids {
			fmt.Fprintf(sh.out, "%s %s\n", part.sign, id)
		}
	}
	end := "version " + strconv.FormatInt(c.Version, 10)
	if c.DryRun {
		end = "nothing was changed"
	}
	_, err := fmt.Fprintf(sh.out, "%d added, %d changed, %d removed: %d rules, %s\n", len(c.Added), len(c.Changed), len(c.Removed), c.Total, end)
	return err
}

func list(ids []string) []string { return append([]string{}, ids...) }

func newACLExport(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "export", Short: "Print all rules as a file that acl import and acl.file take", Args: cobra.NoArgs, Example: "  guardhouse acl export > acl.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				w, err := a.Policy.Policy(cmd.Context(), osPrincipal())
				if err != nil {
					return err
				}
				for _, id := range w.Lost {
					fmt.Fprintf(sh.err, "left out: rule %s cannot be read by this release\n", printable(id))
				}
				if sh.json {
					return sh.printPolicyJSON(w)
				}
				text, err := w.YAML()
				if err != nil {
					return err
				}
				_, err = sh.out.Write(text)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON, which is taken as well")
	return cmd
}

func (sh *shared) printPolicyJSON(w policy.Whole) error {
	rules := make([]json.RawMessage, len(w.Rules))
	for i := range w.Rules {
		var err error
		if rules[i], err = policy.JSON(w.Rules[i]); err != nil {
			return err
		}
	}
	out := map[string]any{"version": 1, "rules": rules}
	if w.Default != "" {
		out["default"] = w.Default
	}
	return sh.printJSON(out)
}

func newACLCheck(sh *shared) *cobra.Command {
	var watched bool
	cmd := &cobra.Command{
		Use: "check FILE|-", Short: "Check a file of rules without a server or data; the names in it are not looked up", Args: cobra.ExactArgs(1),
		Long: "Check a file of rules: its spelling, its conditions, and that all of them fit in one policy.\n" +
			"Whether the users, groups, roles and keys exist is what acl rehearse says; who may write the file, doctor.",
		Example: "  guardhouse acl check acl.yaml\n  guardhouse acl check --watched /etc/guardhouse/policy.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			f, whole, err := readPolicy(sh, args[0])
			switch {
			case err != nil:
				return err
			case !whole && watched:
				return errors.New(noMark)
			case !whole:
				fmt.Fprintln(sh.err, "warning: "+noMark+"; acl.file refuses it once one with it was in force")
			}
			if _, err := rule.Compile(f.Rules, f.Default == "allow"); err != nil {
				return err
			}
			if sh.json {
				return sh.printJSON(map[string]any{"ok": true, "rules": len(f.Rules)})
			}
			_, err = fmt.Fprintf(sh.out, "good: %d rules\n", len(f.Rules))
			return err
		},
	}
	cmd.Flags().BoolVar(&watched, "watched", false, "for acl.file: refuse a file without the line `...` at its end")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func newACLVersions(sh *shared) *cobra.Command {
	f := policy.VersionFilter{}
	cmd := &cobra.Command{
		Use: "versions [VERSION]", Short: "List all versions, or show a change of rules before and after", Args: cobra.MaximumNArgs(1),
		Example: "  guardhouse acl versions --model guard-nano\n  guardhouse acl versions 12",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return sh.showVersion(cmd.Context(), args[0])
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				list, _, err := a.Policy.Versions(cmd.Context(), osPrincipal(), f)
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(map[string]any{"items": mapEach(list, versionJSON)})
				}
				w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "VERSION\tAT\tBY\tWHAT\tADDED\tCHANGED\tREMOVED\tNOTE")
				for _, v := range list {
					fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", v.Version, versionTime(v), printable(orDash(v.Actor)), printable(versionWhat(v)),
						v.Added, v.Changed, v.Removed, printable(orDash(v.Note)))
				}
				return w.Flush()
			})
		},
	}
	cmd.Flags().StringVar(&f.Rule, "rule", "", "only changes of this rule")
	cmd.Flags().StringVar(&f.Model, "model", "", "only changes of rules that concern or concerned this model")
	cmd.Flags().IntVar(&f.Limit, "limit", 50, "at most so many")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// versionTime is when a version was made: the first came with the program and has no time.
func versionTime(v policy.Version) string {
	if v.Kind == policy.KindStart {
		return "-"
	}
	return v.At.Format(time.RFC3339)
}

func versionWhat(v policy.Version) string {
	return strings.TrimSpace(string(v.Kind) + " " + v.Subject)
}

func (sh *shared) showVersion(ctx context.Context, arg string) error {
	v, err := versionNumber(arg)
	if err != nil {
		return err
	}
	return sh.within(ctx, func(a *app.App) error {
		d, err := a.Policy.Version(ctx, osPrincipal(), v)
		if err != nil {
			return err
		}
		if sh.json {
			out := versionJSON(d.Version)
			out["before"], out["after"], out["undoable"] = d.Before, d.After, d.Undoable
			return sh.printJSON(out)
		}
		_, err = fmt.Fprintf(sh.out, "# before version %d\n%s\n# since then\n%s", v, d.Before, d.After)
		return err
	})
}

func versionJSON(v policy.Version) map[string]any {
	return map[string]any{
		"version": v.Version, "at": v.At, "kind": v.Kind, "subject": v.Subject, "actor": v.Actor, "note": v.Note, "event_id": v.EventID, "added": v.Added, "changed": v.Changed, "removed": v.Removed,
	}
}

func newACLUndo(sh *shared) *cobra.Command {
	var w policy.Write
	cmd := &cobra.Command{
		Use: "undo VERSION", Short: "Take one change of rules back; what came after it stays", Args: cobra.ExactArgs(1), Example: "  guardhouse acl undo 12",
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := versionNumber(args[0])
			if err != nil {
				return err
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				c, err := a.Policy.Undo(cmd.Context(), osPrincipal(), v, w)
				if err != nil {
					return err
				}
				return sh.printChange(c)
			})
		},
	}
	cmd.Flags().BoolVar(&w.DryRun, "dry-run", false, "say what would change and change nothing")
	cmd.Flags().StringVar(&w.Note, "note", "", "why, for the history")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func versionNumber(arg string) (int64, error) {
	v, err := strconv.ParseInt(arg, 10, 64)
	if err != nil || v < 1 {
		return 0, usageError{errors.New("a version is a number: guardhouse acl versions lists them")}
	}
	return v, nil
}
