package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"guardhouse/internal/health"
)

type healthFlags struct {
	url     string
	alive   bool
	timeout time.Duration
}

func newHealth(sh *shared) *cobra.Command {
	var f healthFlags
	cmd := &cobra.Command{
		Use: "health", Short: "Ask a running server whether it could give a verdict now, for containers and supervisors", Args: cobra.NoArgs,
		Long: "Ask a running server whether it could give a verdict now, for containers and supervisors.\n" +
			"It asks the server of the data folder at its own address and trusts its certificate (DATA/tls/ca.pem, or tls.cert).\n" +
			"Exit 0 when it is ready, 1 when it is not or does not answer, 2 for wrong settings. Nothing is written.",
		Example: "  guardhouse health --data /srv/guardhouse\n" +
			"  guardhouse health --alive --json\n" +
			"  guardhouse health --url https://guard.example.org:8443",
		RunE: func(cmd *cobra.Command, _ []string) error { return sh.health(cmd.Context(), f) },
	}
	cmd.Flags().StringVar(&f.url, "url", "", "ask at this address instead, such as https://localhost:8443")
	cmd.Flags().BoolVar(&f.alive, "alive", false, "ask only whether the process answers (/healthz), ready or not: for what restarts it")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Second, "longest wait for the answer")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) health(ctx context.Context, f healthFlags) error {
	if f.timeout <= 0 {
		return usageError{errors.New("--timeout wants a time such as 5s")}
	}
	c, err := sh.load(nil)
	if err != nil {
		return err
	}
	target, err := health.Find(health.Settings{URL: f.url, Listen: c.Listen, Plain: c.AllowPlainLoopback, Data: c.Data, Cert: c.TLSCert})
	var address *health.AddressError
	if errors.As(err, &address) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	path := health.Ready
	if f.alive {
		path = health.Alive
	}
	report := target.Ask(ctx, path, f.timeout, time.Now) //nolint:forbidigo // the command line is where the clock comes from
	if sh.json {
		err = sh.printJSON(report)
	} else if report.Good {
		_, err = fmt.Fprintln(sh.out, report.Words())
	}
	if err == nil && !report.Good {
		err = errors.New(report.Words())
	}
	return err
}
