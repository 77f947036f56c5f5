package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"guardhouse/internal/config"
	"guardhouse/internal/logfile"
)

// serverLog is where the server's lines go.
type serverLog struct {
	log     *slog.Logger
	dropped func() uint64 // nil without a file
	close   func() error
}

// openLog answers the server's log: a file of its own with log.file, which is opened anew on SIGHUP until ctx ends, else
// errOut. Neither ever gets a character that a terminal would obey (threat W3).
func openLog(ctx context.Context, c *config.Config, errOut io.Writer) (serverLog, error) {
	if c.LogFile == "" {
		return serverLog{log: newLogger(c, errOut), close: func() error { return nil }}, nil
	}
	file, err := logfile.Open(logfile.Options{Path: c.LogFile, Fallback: errOut})
	if err != nil {
		return serverLog{}, err
	}
	log := newLogger(c, file)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	done := make(chan struct{})
	watching, stop := context.WithCancel(ctx)
	go func() {
		defer close(done)
		for {
			select {
			case <-watching.Done():
				return
			case <-hangups:
				if err := file.Reopen(); err != nil {
					log.Error("the log file was not opened anew", "err", err)
				}
			}
		}
	}()
	return serverLog{log: log, dropped: file.Dropped, close: func() error {
		signal.Stop(hangups)
		stop()
		<-done
		return file.Close()
	}}, nil
}

func newLogger(c *config.Config, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(logfile.Escape(w), o))
	}
	return slog.New(slog.NewJSONHandler(logfile.Escape(w), o))
}
