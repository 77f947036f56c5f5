package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/fault"
	"guardhouse/internal/forward"
)

func newAuditForward(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "forward", Short: "Send the log to other machines", Args: cobra.NoArgs, Example: "  guardhouse audit forward list", RunE: needSubcommand,
	}
	cmd.AddCommand(newForwardList(sh), newForwardAdd(sh), newForwardTest(sh), newForwardPause(sh, true), newForwardPause(sh, false), newForwardRotate(sh), newForwardRemove(sh))
	return cmd
}

func newForwardList(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List targets and how far each is", Args: cobra.NoArgs, Example: "  guardhouse audit forward list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				list, err := a.Forward.List(cmd.Context(), osPrincipal())
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(map[string]any{"items": mapEach(list, forwardJSON)})
				}
				w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tNAME\tTO\tSCOPE\tSTATE\tROW\tBACKLOG\tERROR")
				for _, t := range list {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", t.ID, printable(t.Name), printable(forwardTo(t)), t.Scope, t.State, t.Position.Seq, t.Backlog, orDash(t.Error))
				}
				return w.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// forwardTo answers where a target is.
func forwardTo(t forward.Target) string {
	if t.Kind == forward.Webhook {
		return t.URL
	}
	return t.Transport + "://" + t.Address
}

func newForwardAdd(sh *shared) *cobra.Command {
	var w forward.Wanted
	var ca, certificate, key string
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Add a syslog receiver (--syslog) or a webhook (--webhook), whose secret is printed once", Args: cobra.ExactArgs(1),
		Example: "  guardhouse audit forward add SIEM --syslog logs.example.org:6514 --transport tls --ca ca.pem",
		RunE: func(cmd *cobra.Command, args []string) error {
			w.Name = args[0]
			switch {
			case (w.Address == "") == (w.URL == ""):
				return usageError{errors.New("say either --syslog HOST:PORT or --webhook URL")}
			case w.URL != "":
				w.Kind, w.Transport = forward.Webhook, ""
			default:
				w.Kind = forward.Syslog
			}
			for _, f := range []struct {
				name string
				into *string
			}{{ca, &w.CA}, {certificate, &w.Certificate}, {key, &w.Key}} {
				if err := readPEM(f.name, f.into); err != nil {
					return err
				}
			}
			return sh.within(cmd.Context(), func(a *app.App) error {
				t, secret, err := a.Forward.Create(cmd.Context(), osPrincipal(), w)
				if err != nil {
					return err
				}
				return sh.printTarget(t, secret)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&w.Address, "syslog", "", "HOST:PORT of a syslog receiver")
	f.StringVar(&w.Transport, "transport", forward.TCP, "udp, tcp or tls")
	f.StringVar(&w.URL, "webhook", "", "https address that events are posted to")
	f.StringVar(&w.From, "from", forward.FromNow, "now, or start for what was written before as well")
	f.StringVar(&w.Scope, "scope", forward.Everything, "all, or alerts alone")
	f.StringVar(&ca, "ca", "", "file of who signs the receiver's certificate (PEM)")
	f.StringVar(&certificate, "cert", "", "file of the client certificate (PEM)")
	f.StringVar(&key, "key", "", "file of its private key (PEM)")
	f.StringVar(&w.ServerName, "server-name", "", "name in the receiver's certificate, where it is another one")
	f.IntVar(&w.Facility, "facility", 0, "syslog facility, 0 for 13 (log audit)")
	f.IntVar(&w.MaxBytes, "max-bytes", 0, "longest message, 0 for 8192 (UDP: 2048)")
	f.BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// maxPEM is more than any chain of certificates has.
const maxPEM = 64 << 10

func readPEM(name string, into *string) error {
	if name == "" {
		return nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("reading a certificate or key: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxPEM {
		return fmt.Errorf("%s is no file of a certificate or a key", name)
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading a certificate or key: %w", err)
	}
	*into = string(raw)
	return nil
}

func (sh *shared) printTarget(t forward.Target, secret string) error {
	if sh.json {
		out := forwardJSON(t)
		out["secret"] = nilIfEmpty(secret)
		return sh.printJSON(out)
	}
	fmt.Fprintf(sh.out, "%s %s to %s: %s\n", t.ID, printable(t.Name), printable(forwardTo(t)), t.State)
	if secret != "" {
		fmt.Fprintf(sh.err, "The secret follows. It is shown this once; the receiver checks signatures with it.\n")
		fmt.Fprintln(sh.out, secret)
	}
	return nil
}

// onTarget runs do on the target of that id or name.
func (sh *shared) onTarget(ctx context.Context, word string, do func(a *app.App, id string) error) error {
	return sh.within(ctx, func(a *app.App) error {
		t, err := a.Forward.Find(ctx, word)
		if fault.CodeOf(err) == fault.NotFound {
			return do(a, word) // it leaves its row as one that is not there
		}
		if err != nil {
			return err
		}
		return do(a, t.ID)
	})
}

func newForwardTest(sh *shared) *cobra.Command {
	return &cobra.Command{
		Use: "test NAME|ID", Short: "Send one message that says nothing: exit 0 if it was taken", Args: cobra.ExactArgs(1), Example: "  guardhouse audit forward test SIEM",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.onTarget(cmd.Context(), args[0], func(a *app.App, id string) error {
				code, err := a.Forward.Test(cmd.Context(), osPrincipal(), id)
				if err != nil {
					return err
				}
				if code != "" {
					return fmt.Errorf("not taken: %s", code)
				}
				fmt.Fprintln(sh.out, "taken")
				return nil
			})
		},
	}
}

func newForwardPause(sh *shared, paused bool) *cobra.Command {
	use, short := "resume", "Go on where the target was"
	if paused {
		use, short = "pause", "Send nothing until it is resumed; what is written meanwhile waits in the log"
	}
	return &cobra.Command{
		Use: use + " NAME|ID", Short: short, Args: cobra.ExactArgs(1), Example: "  guardhouse audit forward " + use + " SIEM",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.onTarget(cmd.Context(), args[0], func(a *app.App, id string) error {
				t, err := a.Forward.Change(cmd.Context(), osPrincipal(), id, forward.Change{Paused: &paused})
				if err != nil {
					return err
				}
				return sh.printTarget(t, "")
			})
		},
	}
}

func newForwardRotate(sh *shared) *cobra.Command {
	return &cobra.Command{
		Use: "rotate NAME|ID", Short: "Give a webhook a new secret, which is printed once; the one before signs as well for a week", Args: cobra.ExactArgs(1),
		Example: "  guardhouse audit forward rotate on-call",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.onTarget(cmd.Context(), args[0], func(a *app.App, id string) error {
				t, secret, err := a.Forward.Rotate(cmd.Context(), osPrincipal(), id)
				if err != nil {
					return err
				}
				return sh.printTarget(t, secret)
			})
		},
	}
}

func newForwardRemove(sh *shared) *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME|ID", Short: "Send the log there no more", Args: cobra.ExactArgs(1), Example: "  guardhouse audit forward remove SIEM",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.onTarget(cmd.Context(), args[0], func(a *app.App, id string) error {
				if err := a.Forward.Remove(cmd.Context(), osPrincipal(), id); err != nil {
					return err
				}
				fmt.Fprintln(sh.out, "removed")
				return nil
			})
		},
	}
}

func forwardJSON(t forward.Target) map[string]any {
	return map[string]any{
		"id": t.ID, "kind": t.Kind, "name": t.Name, "scope": t.Scope, "transport": t.Transport, "address": t.Address, "url": t.URL, "state": t.State,
		"seq": t.Position.Seq, "checkpoint": t.Position.Checkpoint, "backlog": t.Backlog, "sent": t.Sent, "failed": t.Failed, "error": nilIfEmpty(t.Error),
	}
}
