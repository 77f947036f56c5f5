package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/canary"
	"guardhouse/internal/config"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference/llamacpp"
	"guardhouse/internal/sandbox"
	"guardhouse/internal/supervise"
)

func newServe(sh *shared) *cobra.Command {
	var (
		listen                    string
		noSupervisor, printConfig bool
	)
	cmd := &cobra.Command{
		Use: "serve", Short: "Serve the console and the API", Args: cobra.NoArgs,
		Example: "  guardhouse serve --data /srv/guardhouse --listen 0.0.0.0:8443",
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags := map[string]string{}
			if cmd.Flags().Changed("listen") {
				flags["listen"] = listen
			}
			if printConfig {
				return sh.printConfig(flags)
			}
			if sh.json {
				return usageError{errors.New("--json goes with --print-config: the server's own log is JSON unless log.format says otherwise")}
			}
			return unlessStopped(cmd.Context(), sh.start(cmd.Context(), flags, noSupervisor))
		},
	}
	cmd.Flags().BoolVar(&printConfig, "print-config", false, "print every setting in force and its source (flag, environment, file, default), secrets hidden, and start nothing")
	cmd.Flags().BoolVar(&sh.json, "json", false, "with --print-config: print JSON instead of YAML")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8443", "address and port")
	cmd.Flags().BoolVar(&noSupervisor, "no-supervisor", false, "serve in this process alone: where native code ends it, nobody starts it again or finds out whose input did that")
	return cmd
}

// start serves as what this process is: a worker, all there is, or the parent of a worker.
func (sh *shared) start(ctx context.Context, flags map[string]string, noSupervisor bool) error {
	if supervise.IsWorker() {
		return sh.work(ctx)
	}
	c, err := sh.load(flags)
	if err != nil {
		return err
	}
	if noSupervisor {
		return sh.alone(ctx, c)
	}
	return sh.supervise(ctx, c)
}

// unlessStopped answers nil for a start that was broken off because ctx ended: who asks a server to stop while it starts gets what he asked for.
// What came up beside that, such as a transaction that was rolled back under it, is in the log.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() == nil || !errors.Is(err, context.Canceled) && fault.CodeOf(err) != fault.Canceled {
		return err
	}
	slog.WarnContext(ctx, "the start was stopped", "err", err)
	return nil
}

// serve opens the log, then everything else, and ends them in the other order. notes are of the workers before this one, nil where there is no
// parent.
func (sh *shared) serve(ctx context.Context, c *config.Config, o app.Options, notes *supervise.Notes, told func(app.Notice)) (err error) {
	l, err := openLog(ctx, c, sh.err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	slog.SetDefault(l.log)
	o.Guards = sandbox.Look
	if o.Canaries, err = canary.Builtin(); err != nil {
		return err
	}
	engine, host, err := openEngine(ctx, c, o.Restart.Unready, l.log)
	if err != nil {
		return err
	}
	remember(ctx, engine, o.Restart.Unready, notes, l.log)
	o.Engine, o.GPU = engine, host
	o.LogDropped, o.Kernels, o.Build = l.dropped, llamacpp.Kernels, thisBuild()
	return app.Serve(ctx, c, o, told)
}

// printConfig writes the settings in force. It reads the configuration and touches nothing else.
func (sh *shared) printConfig(flags map[string]string) error {
	settings, err := config.Explain(sh.sources(flags))
	if err != nil {
		return usageError{err}
	}
	if sh.json {
		return config.WriteJSON(sh.out, settings)
	}
	fmt.Fprintln(sh.out, "# What the console stores stands between file and default: guardhouse settings list")
	return config.WriteYAML(sh.out, settings)
}

// announce prints what the person at the console needs first: where to go, and how to get in.
func announce(sh *shared, n app.Notice) {
	if n.URL != "" {
		fmt.Fprintf(sh.out, "\nGuardhouse serves %s\n", n.URL)
	}
	if n.APIURL != "" {
		fmt.Fprintf(sh.out, "Programs use %s\n", n.APIURL)
	}
	if n.CAFile != "" {
		fmt.Fprintf(sh.out, "Its certificate comes from its own authority: %s\n", n.CAFile)
	}
	if n.SetupToken != "" {
		fmt.Fprintf(sh.out, "\nNobody is admin yet. Open the address and make the first admin with this token\n(good for 30 minutes and for one use; a restart prints a new one):\n\n    %s\n\n", n.SetupToken)
	}
}
