package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/user"

	"github.com/spf13/cobra"

	"guardhouse/internal/access"
	"guardhouse/internal/app"
	"guardhouse/internal/config"
	"guardhouse/internal/logfile"
	"guardhouse/internal/trial"
)

type streams struct {
	in       io.Reader
	out, err io.Writer
	raw      io.Writer // out as it is, for what is proved byte by byte and never for a terminal
	watched  bool      // err is a terminal
}

// shared holds what every command that touches data takes.
type shared struct {
	streams
	data, configFile string
	json             bool
}

func newRoot(s streams) *cobra.Command {
	sh := &shared{streams: s}
	root := &cobra.Command{
		Use:           "guardhouse",
		Short:         "One gate for every model: governed local inference in one program",
		Example:       "  guardhouse serve --data /srv/guardhouse",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError{errors.New("say what to do, for example: guardhouse serve (guardhouse --help lists the commands)")}
		},
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(wrongUsage)
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentFlags().StringVar(&sh.data, "data", "", "data folder (default ./guardhouse-data)")
	root.PersistentFlags().StringVar(&sh.configFile, "config", "", "configuration file (default guardhouse.yaml, if it is there)")
	root.AddCommand(newServe(sh), newModerate(sh), newUser(sh), newRole(sh), newGroup(sh), newKey(sh), newModel(sh), newACL(sh), newSettings(sh), newRequest(sh), newReview(sh), newUsage(sh), newAudit(sh), newMigrate(sh), newDoctor(sh), newHealth(sh), newBackup(sh), newRestore(sh), newBench(sh), newVersion(sh))
	wrapArgErrors(root)
	return root
}

// wrapArgErrors makes cobra's own complaints about arguments exit 2 as well.
func wrapArgErrors(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return wrongUsage(c, err)
			}
			return nil
		}
	}
	for _, child := range cmd.Commands() {
		wrapArgErrors(child)
	}
}

// wrongUsage is cobra's complaint about flags or arguments, and where the right ones stand.
func wrongUsage(cmd *cobra.Command, err error) error {
	return usageError{fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())}
}

// sources adds what every command takes to a command's own flags.
func (sh *shared) sources(flags map[string]string) config.Sources {
	if flags == nil {
		flags = map[string]string{}
	}
	if sh.data != "" {
		flags["data"] = sh.data
	}
	return config.Sources{Flags: flags, File: sh.configFile}
}

func (sh *shared) load(flags map[string]string) (*config.Config, error) {
	c, err := config.Load(sh.sources(flags))
	if err == nil {
		err = app.Check(c)
	}
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

// with runs do on the data folder, which it makes if need be, without an engine's models.
func (sh *shared) with(ctx context.Context, do func(a *app.App) error) error {
	c, err := sh.load(nil)
	if err != nil {
		return err
	}
	return sh.onFolder(ctx, c, do)
}

// within is with for commands on a folder that must be there already: a mistyped folder must not pass for an empty, sound one.
func (sh *shared) within(ctx context.Context, do func(a *app.App) error) error {
	c, err := sh.load(nil)
	if err != nil {
		return err
	}
	if !app.Exists(c) {
		return fmt.Errorf("there is no guardhouse database in %s: give the right --data", c.Data)
	}
	return sh.onFolder(ctx, c, do)
}

func (sh *shared) onFolder(ctx context.Context, c *config.Config, do func(a *app.App) error) (err error) {
	sh.logTo(c.LogLevel)
	a, err := app.Open(ctx, c, app.Options{Engine: newEngine(), Try: trial.Load, Build: thisBuild()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return do(a)
}

// logTo keeps commands quiet: their errors are one line on stderr. Only log.level debug shows the log as well.
func (sh *shared) logTo(level slog.Level) {
	handler := slog.Handler(slog.DiscardHandler)
	if level <= slog.LevelDebug {
		handler = slog.NewJSONHandler(logfile.Escape(sh.err), &slog.HandlerOptions{Level: level})
	}
	slog.SetDefault(slog.New(handler))
}

func (sh *shared) printJSON(v any) error {
	enc := json.NewEncoder(sh.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// osPrincipal is who acts on the command line: the system, under the name of the shell's user.
func osPrincipal() access.Principal {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return app.SystemPrincipal(name)
}
