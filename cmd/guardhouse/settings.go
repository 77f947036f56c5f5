package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/settings"
)

func newSettings(sh *shared) *cobra.Command {
	cmd := &cobra.Command{Use: "settings", Short: "Settings that the console changes", Args: cobra.NoArgs, Example: "  guardhouse settings list", RunE: needSubcommand}
	cmd.AddCommand(newSettingsList(sh), newSettingsSet(sh), newSettingsReset(sh))
	return cmd
}

func newSettingsList(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List settings with their values and where they come from", Args: cobra.NoArgs, Example: "  guardhouse settings list --json",
		Long: "List settings with their values and where they come from: flag, env, file, console or default.\n" +
			"A value that is stored and not in force is named with the reason.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				v, err := a.Settings.Get(cmd.Context(), osPrincipal())
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(settingsJSON(v))
				}
				return sh.printSettings(v)
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) printSettings(v settings.View) error {
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tVALUE\tSOURCE\tAPPLIES\tCHANGED\tBY")
	for _, it := range v.Items {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", it.Key, printable(orDash(it.Value)), it.Source, orDash(it.Applies), when(it.ChangedAt), printable(orDash(it.ChangedBy)))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, i := range v.Ignored {
		fmt.Fprintf(sh.err, "not in force: %s %s (guardhouse settings reset %s)\n", printable(i.Key), printable(i.Reason), printable(i.Key))
	}
	return nil
}

func newSettingsSet(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "set KEY=VALUE...", Short: "Store values; what applies now is in force within a second", Args: cobra.MinimumNArgs(1),
		Example: "  guardhouse settings set moderation.mode=loose engine.queue=128",
		RunE: func(cmd *cobra.Command, args []string) error {
			c := settings.Change{Values: map[string]*string{}}
			for _, arg := range args {
				key, value, ok := strings.Cut(arg, "=")
				if _, twice := c.Values[key]; !ok || key == "" || twice {
					return usageError{errors.New("say KEY=VALUE, each key once")}
				}
				c.Values[key] = &value
			}
			return sh.changeSettings(cmd, c)
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func newSettingsReset(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "reset KEY...", Short: "Take stored values back: the defaults hold again", Args: cobra.MinimumNArgs(1), Example: "  guardhouse settings reset moderation.mode",
		RunE: func(cmd *cobra.Command, args []string) error {
			c := settings.Change{Values: map[string]*string{}}
			for _, key := range args {
				c.Values[key] = nil
			}
			return sh.changeSettings(cmd, c)
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) changeSettings(cmd *cobra.Command, c settings.Change) error {
	return sh.within(cmd.Context(), func(a *app.App) error {
		v, err := a.Settings.Change(cmd.Context(), osPrincipal(), c)
		if err != nil {
			return err
		}
		if sh.json {
			return sh.printJSON(settingsJSON(v))
		}
		for _, it := range v.Items {
			if _, asked := c.Values[it.Key]; asked {
				fmt.Fprintf(sh.out, "%s is %s (%s), in force %s\n", it.Key, printable(orDash(it.Value)), it.Source, inForce(it))
			}
		}
		return nil
	})
}

func inForce(it settings.Item) string {
	if it.Applies == settings.Restart {
		return "from the server's next start on"
	}
	return "now"
}

func settingsJSON(v settings.View) map[string]any {
	return map[string]any{
		"version": v.Version,
		"items": mapEach(v.Items, func(it settings.Item) map[string]any {
			return map[string]any{
				"key": it.Key, "value": it.Value, "default": it.Default, "source": it.Source, "editable": it.Editable, "applies": it.Applies,
				"problem": nilIfEmpty(it.Problem), "changed_at": it.ChangedAt, "changed_by": nilIfEmpty(it.ChangedBy), "event_id": nilIfEmpty(it.EventID),
			}
		}),
		"ignored": mapEach(v.Ignored, func(i settings.Ignored) map[string]any { return map[string]any{"key": i.Key, "reason": i.Reason} }),
	}
}
