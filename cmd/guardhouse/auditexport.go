package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"guardhouse/internal/app"
	"guardhouse/internal/audit"
	"guardhouse/internal/export"
)

// exportFlags say what is exported.
type exportFlags struct {
	format   string
	bom      bool
	filter   audit.Filter
	from, to string
}

func (f *exportFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.format, "format", "jsonl", "jsonl, which proves itself, or csv")
	cmd.Flags().BoolVar(&f.bom, "bom", false, "begin CSV with a byte order mark, by which some spreadsheets know UTF-8")
	for _, x := range []struct {
		value      *string
		name, help string
	}{
		{&f.filter.Actor, "actor", "name, or id of a user or key"},
		{&f.filter.Action, "action", "such as moderation.run"},
		{&f.filter.Model, "model", "id of a model"},
		{&f.filter.Decision, "decision", "allow, deny or error"},
		{&f.filter.IP, "ip", "address"},
		{&f.filter.Rule, "rule", "id of a rule"},
		{&f.filter.Reason, "reason", "such as no_rule"},
		{&f.filter.Purpose, "purpose", "what the caller said it was for"},
		{&f.filter.Key, "key", "id of a key"},
		{&f.filter.RequestID, "request-id", "id of a request"},
		{&f.filter.Q, "text", "part of a name, resource, model, reason, rule or address"},
	} {
		cmd.Flags().StringVar(x.value, x.name, "", "only rows of this "+x.name+": "+x.help)
	}
}

// request answers what the flags ask for; times are RFC 3339 or dates.
func (f *exportFlags) request() (export.Request, error) {
	for _, x := range []struct {
		text string
		at   *time.Time
		name string
	}{{f.from, &f.filter.From, "--from"}, {f.to, &f.filter.To, "--to"}} {
		if x.text == "" {
			continue
		}
		at, err := parseMoment(x.text)
		if err != nil {
			return export.Request{}, usageError{fmt.Errorf("%s wants a date such as 2026-11-22 or an RFC 3339 time", x.name)}
		}
		*x.at = at
	}
	return export.Request{Format: export.Format(f.format), BOM: f.bom, Filter: f.filter}, nil
}

// parseMoment reads an RFC 3339 time, or a date, which is its first moment in UTC.
func parseMoment(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	return time.Parse(time.DateOnly, s)
}

func newAuditExport(sh *shared) *cobra.Command {
	var f exportFlags
	var out string
	cmd := &cobra.Command{
		Use: "export", Short: "Write rows of the log with the proof of their order and count", Args: cobra.NoArgs,
		Example: "  guardhouse audit export --format jsonl --from 2026-10-01 --to 2026-11-01 --out october.jsonl\n" +
			"  guardhouse audit export --format csv --decision deny > refused.csv",
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := f.request()
			if err != nil {
				return err
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				return errors.Join(sh.warnOfFinding(cmd.Context(), a), sh.exportTo(cmd.Context(), a, r, out))
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.from, "from", "", "rows from this time on: a date or an RFC 3339 time")
	cmd.Flags().StringVar(&f.to, "to", "", "rows before this time")
	cmd.Flags().StringVar(&out, "out", "", "a new file instead of standard output; it gets its name when it is whole")
	cmd.AddCommand(newExportSchedule(sh))
	return cmd
}

// exportTo writes to standard output, or to a file that has its name only once it is whole.
func (sh *shared) exportTo(ctx context.Context, a *app.App, r export.Request, out string) error {
	if out == "" && isTerminal(sh.raw) {
		return errors.New("an export is not for a terminal, which obeys what rows may hold: say --out FILE, or send it to a file or a program")
	}
	file := newFile{name: out}
	if out != "" {
		if err := file.free(); err != nil {
			return err
		}
	}
	x, err := a.Export.Begin(ctx, osPrincipal(), r)
	if err != nil {
		return err
	}
	if out == "" {
		_, err = x.Write(ctx, sh.raw) // as it is: the manifest speaks of these bytes
		return err
	}
	part, err := file.create()
	if err != nil {
		return x.Abandon(err)
	}
	sum, err := x.Write(ctx, a.Export.Disk(part))
	if err = file.finish(part, err); err != nil {
		return err
	}
	_, err = fmt.Fprintf(sh.out, "wrote %s: %d rows, %d to %d\n", printable(out), sum.Rows, sum.First, sum.Last)
	return err
}

// isTerminal says that what is written there is shown to somebody.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func newExportSchedule(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "schedule", Short: "Exports that the server makes at set times", Args: cobra.NoArgs, Example: "  guardhouse audit export schedule list",
		RunE: needSubcommand,
	}
	cmd.AddCommand(newScheduleAdd(sh), newScheduleList(sh), newScheduleRemove(sh))
	return cmd
}

func newScheduleAdd(sh *shared) *cobra.Command {
	var f exportFlags
	n := export.Draft{}
	var every string
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Have exports written below audit.export_dir, each behind the last row of the one before", Args: cobra.ExactArgs(1),
		Example: "  guardhouse audit export schedule add archive --every day --at 02:30",
		RunE: func(cmd *cobra.Command, args []string) error {
			n.Name, n.Format, n.BOM, n.Filter, n.Every = args[0], export.Format(f.format), f.bom, f.filter, export.Every(every)
			return sh.within(cmd.Context(), func(a *app.App) error {
				sc, err := a.Export.Add(cmd.Context(), osPrincipal(), n)
				if why := export.WhyOf(err); why != "" {
					return fmt.Errorf("%w (%s)", err, why)
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(sh.out, "%s (%s): first at %s\n", sc.Name, sc.ID, when(&sc.Next))
				return err
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&every, "every", "day", "hour, day or week (Monday)")
	cmd.Flags().StringVar(&n.At, "at", "00:00", "time of the day in UTC; of an hour only the minutes count")
	return cmd
}

func newScheduleList(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List schedules and how the last export of each went", Args: cobra.NoArgs, Example: "  guardhouse audit export schedule list --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				list, err := a.Export.Schedules(cmd.Context())
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(list)
				}
				return sh.printSchedules(list)
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) printSchedules(list []export.Schedule) error {
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	errs := make([]error, 0, len(list)+2)
	say := func(format string, args ...any) {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		errs = append(errs, err)
	}
	say("NAME\tFORMAT\tEVERY\tNEXT\tLAST FILE\tROWS\tSTATE")
	for _, sc := range list {
		state := "ok"
		if sc.Failures > 0 {
			state = fmt.Sprintf("failed %d times: %s", sc.Failures, sc.FailedWhy)
		}
		say("%s\t%s\t%s %s\t%s\t%s\t%d\t%s", sc.Name, sc.Format, sc.Every, sc.At, when(&sc.Next), sc.LastFile, sc.LastRows, state)
	}
	return errors.Join(append(errs, w.Flush())...)
}

func newScheduleRemove(sh *shared) *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "End a schedule; its files stay", Args: cobra.ExactArgs(1), Example: "  guardhouse audit export schedule remove archive",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error { return a.Export.Remove(cmd.Context(), osPrincipal(), args[0]) })
		},
	}
}
