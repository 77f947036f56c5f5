package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"guardhouse/internal/checkpoint"
	"guardhouse/internal/filters"
	"guardhouse/internal/httpapi"
	"guardhouse/internal/httpapi/tlsfiles"
	"guardhouse/internal/overview"
	"guardhouse/internal/verify"
	"guardhouse/web"
)

// edge is what stands between sockets and services. tls is nil for plain HTTP on loopback.
type edge struct {
	tls      *tlsfiles.Files
	overview *overview.Service
	doors    []*door // the main listener first
}

// door is one listener and the handler behind it.
type door struct {
	name     string // in the log
	port     port
	bounds   httpapi.Bounds
	handler  *httpapi.Server
	listener net.Listener
}

// newEdge answers the listeners of the settings, not open yet.
func (a *App) newEdge() (*edge, error) {
	c, e := a.Config, &edge{}
	var err error
	if !c.AllowPlainLoopback {
		e.tls, err = tlsfiles.Open(tlsfiles.Options{
			Dir: filepath.Join(c.Data, "tls"), Cert: c.TLSCert, Key: c.TLSKey, Names: c.TrustedHosts, Now: a.now, Log: a.log,
		})
		if err != nil {
			return nil, err
		}
	}
	e.overview = a.newOverview(e.tls)
	o, err := a.edgeOptions(e.tls)
	if err != nil {
		return nil, err
	}
	o.AllowFrom = c.AllowFrom
	if c.APIListen == "" {
		return e, a.addDoor(e, "all", port{setting: "listen", address: c.Listen}, o)
	}
	o.Surface = httpapi.Console
	if err := a.addDoor(e, "console", port{setting: "listen", address: c.Listen}, o); err != nil {
		return nil, err
	}
	o.Surface, o.AllowFrom = httpapi.Programs, c.APIAllowFrom
	return e, a.addDoor(e, "api", port{setting: "api.listen", address: c.APIListen}, o)
}

// edgeOptions answers what every listener has in common.
func (a *App) edgeOptions(files *tlsfiles.Files) (httpapi.Options, error) {
	name, err := os.Hostname()
	if err != nil {
		return httpapi.Options{}, fmt.Errorf("asking for this machine's name: %w", err)
	}
	o := httpapi.Options{
		MaxBody: a.Config.MaxBody, TrustedHosts: a.Config.TrustedHosts, TrustedProxies: a.Config.TrustedProxies,
		ServerName: name, TLS: files != nil, Now: a.now, Log: a.log,
	}
	if files != nil {
		o.HSTS, o.CertificateSHA256 = files.Given(), files.Fingerprint
	}
	return o, nil
}

func (a *App) addDoor(e *edge, name string, p port, o httpapi.Options) error {
	ui, err := web.Dist()
	if err != nil {
		return fmt.Errorf("opening the console's files: %w", err)
	}
	deps := a.services()
	deps.UI, deps.Overview = ui, e.overview
	handler, err := httpapi.New(deps, o)
	if err != nil {
		return err
	}
	d := &door{name: name, port: p, handler: handler, bounds: httpapi.Bounds{
		AllowFrom: o.AllowFrom, TrustedProxies: o.TrustedProxies, Connections: connections(),
	}}
	if e.tls != nil {
		d.bounds.TLS = e.tls.Config()
	}
	e.doors = append(e.doors, d)
	return nil
}

// services answers what every listener serves.
func (a *App) services() httpapi.Deps {
	return httpapi.Deps{
		Auth: a.Auth, Guard: a.Guard, Moderation: a.Moderation, Models: a.Models, Chat: a.Chat, Catalog: a.Catalog, Audit: a.Audit, Checkpoints: a.Checkpoints, Proofs: a.reachable, Filters: filters.Open(a.DB), Events: a.Events, Writable: a.writable,
		Examples: a.Examples, Export: a.Export, Evidence: a.Evidence, Forward: a.Forward, Alerts: a.Alerts, Requests: a.Requests, Reviews: a.Reviews, Retention: a.Retention, Usage: a.Usage, Policy: a.Policy,
		Rehearsal: a.Rehearsal, Hygiene: a.Hygiene,
		Settings: a.Settings, CommitsFailed: a.DB.CommitsFailed, DiskLow: a.diskLow, Canary: a.Canary, Metrics: a.Metrics,
	}
}

// proofs says where the copies of checkpoints lie. It refuses a folder that does not answer.
func (a *App) proofs(ctx context.Context) (verify.Options, error) {
	outside, err := a.Checkpoints.Outside(ctx)
	return verify.Options{Anchor: checkpoint.AnchorDir(a.Config.Data, a.Config.Anchor), Outside: outside}, err
}

// reachable is proofs for who walks the log all the same: nothing while the folder does not answer, as nobody is to wait for it.
func (a *App) reachable(ctx context.Context) verify.Options {
	o, err := a.proofs(ctx)
	if err != nil {
		return verify.Options{}
	}
	return o
}

// connections answers how many connections one listener may have: a quarter of the files that this process may open, so
// that two listeners leave half of them to the database and the models. 0 leaves it to the listener.
func connections() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<15 {
		return 0
	}
	return int(limit.Cur) / 4
}

// openDoors opens every port, or none.
func (a *App) openDoors(ctx context.Context, e *edge) error {
	for _, d := range e.doors {
		listener, err := a.listen(ctx, d.port)
		if err != nil {
			return errors.Join(err, e.close())
		}
		d.listener = listener
	}
	return nil
}

// close closes what openDoors opened.
func (e *edge) close() error {
	var errs []error
	for _, d := range e.doors {
		if d.listener != nil {
			errs = append(errs, d.listener.Close())
		}
	}
	return errors.Join(errs...)
}

// url answers where door i is, once it is open.
func (e *edge) url(i int) string {
	scheme := "https://"
	if e.tls == nil {
		scheme = "http://"
	}
	return scheme + e.doors[i].listener.Addr().String() + "/"
}

// LogValue names a listener in the log.
func (d *door) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", d.name), slog.String("address", d.listener.Addr().String()))
}
