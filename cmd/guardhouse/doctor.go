package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/config"
	"guardhouse/internal/doctor"
	"guardhouse/internal/inference/llamacpp"
	"guardhouse/internal/sandbox"
)

func newDoctor(sh *shared) *cobra.Command {
	var deep, try bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look at settings, folder, certificate, database, models and machine, and say what to do", Args: cobra.NoArgs,
		Long: "Look at settings, folder, certificate, database, models and machine, and say what to do.\n" +
			"Nothing is changed. It works beside a running server, without one, and on a folder that is broken.\n" +
			"Exit 0 when nothing failed, else 1; a warning is no failure.",
		Example: "  guardhouse doctor --data /srv/guardhouse\n  guardhouse doctor --deep --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.doctor(cmd.Context(), deep, try)
		},
	}
	cmd.Flags().BoolVar(&deep, "deep", false, "walk the whole audit chain instead of its last 10000 rows")
	cmd.Flags().BoolVar(&try, "engine", false, "load the default guard and try how it would be laid out; not beside a running server")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) doctor(ctx context.Context, deep, try bool) error {
	o, c, err := sh.examined()
	if err != nil {
		return usageError{err}
	}
	o.Deep = deep
	if try {
		if o.Engine, _, err = openEngine(ctx, c, false, slog.New(slog.DiscardHandler)); err != nil {
			return err
		}
	}
	report := doctor.Run(ctx, o)
	if err := sh.printChecks(report); err != nil {
		return err
	}
	switch failed := number(report, doctor.Fail); failed {
	case 0:
		return nil
	case 1:
		return errors.New("1 check failed: it says what to do")
	default:
		return fmt.Errorf("%d checks failed: each says what to do", failed)
	}
}

// examined answers what the doctor looks at. Settings that the server would refuse are a finding; the rest is then looked at
// as it would be with the folder alone.
func (sh *shared) examined() (doctor.Options, *config.Config, error) {
	environ := config.Environ()
	unknown, rest := config.SplitEnviron(environ)
	sources := sh.sources(nil)
	sources.Environ = rest
	c, refused := config.Load(sources)
	if refused == nil {
		refused = app.Check(c)
	}
	if c == nil {
		var err error
		if c, err = config.Load(config.Sources{Flags: sources.Flags, Environ: []string{}, File: os.DevNull}); err != nil {
			return doctor.Options{}, nil, err
		}
	}
	o := app.DoctorOptions(c)
	o.Settings, o.Unknown, o.Environ = refused, unknown, environ
	o.Kernels, o.KernelsAuto = llamacpp.Kernels(c.Kernels), llamacpp.Kernels("auto")
	o.Guards = sandbox.Look
	o.GPU = lookForGPU(c)
	return o, c, nil
}

func (sh *shared) printChecks(r doctor.Report) error {
	if sh.json {
		return sh.printJSON(r)
	}
	var text []byte
	for _, c := range r.Checks {
		text = fmt.Appendf(text, "%-5s %-12s %s\n", c.Status, c.Name, c.Detail)
		if c.Do != "" {
			text = fmt.Appendf(text, "                   -> %s\n", c.Do)
		}
		for _, note := range c.Notes {
			text = fmt.Appendf(text, "                   %s\n", note)
		}
	}
	text = fmt.Appendf(text, "\n%d ok, %d to look at, %d failed\n", number(r, doctor.OK), number(r, doctor.Warn), number(r, doctor.Fail))
	if _, err := sh.out.Write(text); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func number(r doctor.Report, s doctor.Status) (n int) {
	for _, c := range r.Checks {
		if c.Status == s {
			n++
		}
	}
	return n
}
