package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"guardhouse/internal/config"
)

// alive is the name under which a worker gets the lock that tells that it lives.
const alive = "alive"

// port is one listener of the settings.
type port struct {
	setting, address string
	loopback         bool // nobody signs in there: no address that other machines reach
}

func ports(c *config.Config) (out []port) {
	for _, p := range []port{
		{"listen", c.Listen, false}, {"api.listen", c.APIListen, false}, {"metrics.listen", c.MetricsListen, true}, {"debug.listen", c.DebugListen, true},
	} {
		if p.address != "" {
			out = append(out, p)
		}
	}
	return out
}

func (p port) open(ctx context.Context) (net.Listener, error) {
	if p.loopback {
		l, err := listenLoopback(ctx, p.address)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.setting, err)
		}
		return l, nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", p.address)
	if err != nil {
		return nil, fmt.Errorf("opening the port: %w", err)
	}
	return l, nil
}

// Reserved is what outlives a worker: the right to serve the data folder, and the open ports, where callers wait while no worker
// answers.
type Reserved struct {
	held  held
	ports map[string]*openPort // by setting
	log   *slog.Logger
}

// Reserve makes the data folder if need be, becomes its one server and opens every port of the settings, or nothing.
func Reserve(ctx context.Context, c *config.Config, log *slog.Logger) (r *Reserved, err error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	r = &Reserved{ports: map[string]*openPort{}, log: log}
	if r.held, err = lockFolder(ctx, c.Data); err != nil {
		return nil, err
	}
	for _, p := range ports(c) {
		if r.ports[p.setting], err = p.reserve(ctx); err != nil {
			delete(r.ports, p.setting)
			return nil, errors.Join(err, r.Release())
		}
	}
	return r, nil
}

// Files answers the descriptors that the next worker gets, by the names that Inherit knows, while no worker runs. A port that the one
// before left shut, elsewhere or stopped up is opened anew, and who waited there is lost (threat M3). It refuses where that fails.
func (r *Reserved) Files() (map[string]*os.File, error) {
	out := map[string]*os.File{alive: r.held.alive}
	for name, p := range r.ports {
		if !p.intact() {
			if err := p.reopen(); err != nil {
				return nil, fmt.Errorf("%s: the port was shut and can't be opened anew: %w", name, err)
			}
			r.log.Error("the worker left a port that let nobody in: it was opened anew", "setting", name)
		}
		out[name] = p.file
	}
	return out, nil
}

// ClosePorts leaves the ports to the worker alone: they close when it is done with them.
func (r *Reserved) ClosePorts() error {
	var errs []error
	for name, p := range r.ports {
		errs = append(errs, p.close())
		delete(r.ports, name)
	}
	return errors.Join(errs...)
}

// Release gives everything up.
func (r *Reserved) Release() error { return errors.Join(r.ClosePorts(), r.held.release()) }

// Restart says what came before a worker under the same parent.
type Restart struct {
	Count int       // workers before this one
	Why   string    // how the last of them ended
	At    time.Time // when
	// Unready says that one of them ended by itself before its models were loaded.
	Unready bool
}

// Inherited is what a worker has of Reserved.
type Inherited struct {
	alive     *os.File // open as long as this process lives
	listeners map[string]net.Listener
}

// Inherit takes what Files handed on, by name. It refuses where a port of the settings is missing.
func Inherit(c *config.Config, file func(name string) *os.File) (*Inherited, error) {
	in := &Inherited{alive: file(alive), listeners: map[string]net.Listener{}}
	if in.alive == nil {
		return nil, errors.New("the parent handed no lock on")
	}
	for _, p := range ports(c) {
		f := file(p.setting)
		if f == nil {
			return nil, fmt.Errorf("the parent handed no port on for %s", p.setting)
		}
		l, err := net.FileListener(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("taking the port of %s: %w", p.setting, err)
		}
		in.listeners[p.setting] = l
	}
	return in, nil
}

// listen answers a port that the parent handed on, or opens it.
func (a *App) listen(ctx context.Context, p port) (net.Listener, error) {
	if a.options.Inherited != nil {
		return a.options.Inherited.listeners[p.setting], nil
	}
	return p.open(ctx)
}
