package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
)

func newServe(sh *shared) *cobra.Command {
	var (
		listen       string
		noSupervisor bool
	)
	cmd := &cobra.Command{
		Use: "serve", Short: "Serve the console and the API", Args: cobra.NoArgs,
		Example: "  guardhouse serve --data /srv/guardhouse --listen 0.0.0.0:8443",
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags := map[string]string{}
			if cmd.Flags().Changed("listen") {
				flags["listen"] = listen
			}
			c, err := sh.load(flags)
			if err != nil {
				return err
			}
			slog.SetDefault(slog.New(slog.NewJSONHandler(sh.err, &slog.HandlerOptions{Level: c.LogLevel})))
			return app.Serve(cmd.Context(), c, app.Options{Engine: newEngine()}, func(n app.Notice) { announce(sh, n) })
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8443", "address and port")
	cmd.Flags().BoolVar(&noSupervisor, "no-supervisor", false, "run the worker alone (containers, systemd)")
	return cmd
}

// announce prints what the person at the console needs first: where to go, and how to get in.
func announce(sh *shared, n app.Notice) {
	fmt.Fprintf(sh.out, "\nGuardhouse serves %s\n", n.URL)
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
