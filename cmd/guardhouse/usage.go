package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/limit"
	"guardhouse/internal/usage"
)

func newUsage(sh *shared) *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use: "usage [NAME]", Short: "What a person or a key has used, and what is left", Args: cobra.MaximumNArgs(1),
		Example: "  guardhouse usage rita",
		Long:    "What a person or a key has used today and this month (UTC), and what is left of its quotas.\nBeside a running server the counts are those of half a minute ago, and quotas that it has from its own environment are not known here.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if (key == "") == (len(args) == 0) {
				return usageError{errors.New("name a person, or a key with --key")}
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				u, err := usageOf(cmd.Context(), a, args, key)
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(usageJSON(u))
				}
				return sh.printUsage(u)
			})
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "the id of a key")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func usageOf(ctx context.Context, a *app.App, args []string, key string) (usage.Usage, error) {
	if key != "" {
		return a.Usage.OfKey(ctx, osPrincipal(), key)
	}
	u, err := a.Auth.UserByName(ctx, args[0])
	if err != nil {
		return usage.Usage{}, err
	}
	return a.Usage.OfPerson(ctx, osPrincipal(), u.ID)
}

func (sh *shared) printUsage(u usage.Usage) error {
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "UNIT\tTODAY\tOF\tTHIS MONTH\tOF")
	for i, unit := range usage.Units() {
		day, month := u.Today.Counts[i], u.Month.Counts[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", unitName(unit), amount(unit, day.Used), most(day), amount(unit, month.Used), most(month))
	}
	if err := w.Flush(); err != nil || !unlimited(u) {
		return err
	}
	_, err := fmt.Fprintln(sh.out, "\n- is no quota that this command knows of. A running server may have one from its own environment.")
	return err
}

// unlimited says whether something has no quota as far as this command knows.
func unlimited(u usage.Usage) bool {
	open := func(c usage.Count) bool { return c.Limit == limit.NoMax }
	return slices.ContainsFunc(u.Today.Counts, open) || slices.ContainsFunc(u.Month.Counts, open)
}

// unitName is how people read a unit: what is counted in milliseconds is shown in seconds.
func unitName(u limit.Unit) string {
	if u == limit.ComputeMS {
		return "compute_seconds"
	}
	return u.String()
}

func amount(u limit.Unit, n int64) string {
	if u == limit.ComputeMS {
		return strconv.FormatFloat(float64(n)/1e3, 'f', -1, 64)
	}
	return strconv.FormatInt(n, 10)
}

func most(c usage.Count) string {
	if c.Limit == limit.NoMax {
		return "-"
	}
	return amount(c.Unit, c.Limit)
}

func usageJSON(u usage.Usage) map[string]any {
	period := func(p usage.Period) map[string]any {
		units := make([]map[string]any, 0, len(p.Counts))
		for _, c := range p.Counts {
			unit := map[string]any{"unit": unitName(c.Unit), "used": number64(c.Unit, c.Used), "held": number64(c.Unit, c.Held), "limit": nil}
			if c.Limit != limit.NoMax {
				unit["limit"] = number64(c.Unit, c.Limit)
			}
			units = append(units, unit)
		}
		return map[string]any{"from": p.From, "resets_at": p.ResetsAt, "units": units}
	}
	return map[string]any{"kind": u.Kind, "id": u.ID, "name": u.Name, "at": u.At, "today": period(u.Today), "month": period(u.Month)}
}

func number64(u limit.Unit, n int64) float64 {
	if u == limit.ComputeMS {
		return float64(n) / 1e3
	}
	return float64(n)
}
