package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"guardhouse/internal/config"
	"guardhouse/internal/db"
	"guardhouse/internal/httpapi"
	"guardhouse/internal/httpapi/tlsfiles"
	"guardhouse/web"
)

// graceful is how long accepted requests may take to finish after a stop was asked for.
const graceful = 30 * time.Second

// Notice is what the person at the console is told once the port is open.
type Notice struct {
	URL        string
	CAFile     string // "" with a given certificate or plain HTTP
	SetupToken string // "" once an admin exists
}

// Serve owns the data folder until ctx ends: it opens the port, answers at once (503 until the models
// are loaded), and at the end finishes what it accepted. A second Serve on the folder is refused.
func Serve(ctx context.Context, c *config.Config, o Options, announce func(Notice)) (err error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	release, err := lockFolder(c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	a, err := Open(ctx, c, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return a.serve(ctx, announce)
}

// edge is what stands between a socket and the handler. tls is nil for plain HTTP on loopback.
type edge struct {
	tls     *tlsfiles.Files
	handler http.Handler
}

func (a *App) serve(ctx context.Context, announce func(Notice)) error {
	e, err := a.newEdge()
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", a.Config.Listen)
	if err != nil {
		return fmt.Errorf("opening the port: %w", err)
	}
	notice, err := a.notice(ctx, listener.Addr(), e.tls)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	announce(notice)
	return a.runAll(ctx, e, listener)
}

func (a *App) newEdge() (e edge, err error) {
	c := a.Config
	if !c.AllowPlainLoopback {
		e.tls, err = tlsfiles.Open(tlsfiles.Options{
			Dir: filepath.Join(c.Data, "tls"), Cert: c.TLSCert, Key: c.TLSKey, Names: c.TrustedHosts, Now: a.now, Log: a.log,
		})
		if err != nil {
			return edge{}, err
		}
	}
	ui, err := web.Dist()
	if err != nil {
		return edge{}, fmt.Errorf("opening the console's files: %w", err)
	}
	name, err := os.Hostname()
	if err != nil {
		return edge{}, fmt.Errorf("asking for this machine's name: %w", err)
	}
	o := httpapi.Options{MaxBody: c.MaxBody, TrustedHosts: c.TrustedHosts, ServerName: name, TLS: e.tls != nil, Now: a.now, Log: a.log}
	if e.tls != nil {
		o.HSTS, o.CertificateSHA256 = e.tls.Given(), e.tls.Fingerprint
	}
	e.handler, err = httpapi.New(httpapi.Deps{
		Auth: a.Auth, Guard: a.Guard, Moderation: a.Moderation, Catalog: a.Catalog, Audit: a.Audit, UI: ui, Writable: a.writable,
	}, o)
	return e, err
}

func (a *App) notice(ctx context.Context, addr net.Addr, files *tlsfiles.Files) (Notice, error) {
	n := Notice{URL: "http://" + addr.String() + "/"}
	if files != nil {
		n.URL, n.CAFile = "https://"+addr.String()+"/", files.CAFile()
	}
	token, needed, err := a.Auth.SetupToken(ctx)
	if err != nil {
		return Notice{}, err
	}
	if needed {
		n.SetupToken = token
	}
	return n, nil
}

// writable proves that a row can be made durable, by making one: a full or read-only disk shows in no other way.
func (a *App) writable() error {
	return a.DB.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO meta (key, value) VALUES ('last_write_check', ?)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value`, tx.Now().Format(time.RFC3339))
		return err
	})
}
