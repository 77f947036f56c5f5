// Package app builds every object of the product in order and owns start and stop. It is the only
// package that knows all the others; the native engine is handed in by cmd, so that app and each test
// of it build without compiling llama.cpp.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/access"
	"guardhouse/internal/alert"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth"
	"guardhouse/internal/auth/keyring"
	"guardhouse/internal/backup"
	"guardhouse/internal/canary"
	"guardhouse/internal/catalog"
	"guardhouse/internal/chat"
	"guardhouse/internal/checkpoint"
	"guardhouse/internal/config"
	"guardhouse/internal/db"
	"guardhouse/internal/events"
	"guardhouse/internal/evidence"
	"guardhouse/internal/examples"
	"guardhouse/internal/export"
	"guardhouse/internal/forward"
	"guardhouse/internal/gpu"
	"guardhouse/internal/httpapi"
	"guardhouse/internal/hygiene"
	"guardhouse/internal/inference"
	"guardhouse/internal/manager"
	"guardhouse/internal/metrics"
	"guardhouse/internal/moderation"
	"guardhouse/internal/policy"
	"guardhouse/internal/rehearsal"
	"guardhouse/internal/request"
	"guardhouse/internal/retention"
	"guardhouse/internal/review"
	"guardhouse/internal/sandbox"
	console "guardhouse/internal/settings"
	"guardhouse/internal/usage"
)

// Options is what the settings do not say.
type Options struct {
	Engine inference.Engine
	// Try loads a model file once in a process of its own before it is imported; nil = none can be imported.
	Try func(ctx context.Context, f *os.File, prompt []int32) error
	// Guards answers what holds a child of this program in which models are tried; nil = nobody can be asked.
	Guards func(context.Context) (sandbox.Guards, error)
	Now    func() time.Time // nil = the clock
	Log    *slog.Logger     // nil = slog.Default
	// LogDropped counts the lines that the log file did not take; nil = there is no file.
	LogDropped func() uint64
	Build      Build
	// Inherited is what a parent handed on; nil = this process opens everything itself.
	Inherited *Inherited
	Marks     inference.Marks // nil = nobody is told what is in flight
	Restart   Restart
	// Loaded hears that the models are loaded, as far as they can be; nil = nobody listens.
	Loaded func()
	// Canaries are the recorded answers of the guards that come with the program.
	Canaries []canary.Baseline
	// Kernels answers who computes products where the setting says so; nil = nobody can be asked.
	Kernels func(setting string) string
	// GPU is what this machine has for models to run on; nil = nobody looked.
	GPU *gpu.Host
}

// App holds the services of one opened data folder.
type App struct {
	Config      *config.Config // as it was at the start; Settings says what is in force
	DB          *db.DB
	Audit       *audit.Log
	Checkpoints *checkpoint.Service
	Guard       *access.Guard
	Auth        *auth.Service
	Catalog     *catalog.Service
	Scheduler   *inference.Scheduler
	Models      *manager.Service
	Moderation  *moderation.Service
	Chat        *chat.Service
	Canary      *canary.Service
	Events      *events.Hub
	Forward     *forward.Service
	Alerts      *alert.Service
	Examples    *examples.Service
	Export      *export.Service
	Evidence    *evidence.Service
	Settings    *console.Service
	Policy      *policy.Service
	Rehearsal   *rehearsal.Service
	Hygiene     *hygiene.Service
	Requests    *request.Service
	Reviews     *review.Service
	Usage       *usage.Service
	Retention   *retention.Service

	Metrics *metrics.Registry

	server  bool         // this process serves the folder
	began   time.Time    // when it was opened
	release func() error // lets a restore have the folder
	options Options
	log     *slog.Logger
	now     func() time.Time
}

// Check refuses settings that contradict what a service demands, before anything is opened: a weak or published secret, a
// secret that lies where others can replace it.
func Check(c *config.Config) error {
	if err := checkPlaces(c); err != nil {
		return err
	}
	return keyring.CheckSecrets(c.JWTSecret.Reveal(), c.JWTSecretPrevious.Reveal())
}

// Exists reports whether the data folder holds a database, or will as soon as an interrupted restore is finished.
func Exists(c *config.Config) bool {
	info, err := os.Stat(databaseFile(c))
	return err == nil && info.Mode().IsRegular() || backup.Pending(c.Data)
}

func databaseFile(c *config.Config) string { return filepath.Join(c.Data, "guardhouse.db") }

// Open makes the data folder if need be, brings the database to this release's schema and builds every
// service. No model is loaded and no port opened. It refuses a key file that others can read, a database newer than the
// program, one with a schema that is not ours, a folder that is being restored, and an older database that a server uses.
func Open(ctx context.Context, c *config.Config, o Options) (*App, error) {
	return open(ctx, c, o, false)
}

// open is Open for the server of the folder too, which holds its lock already.
func open(ctx context.Context, c *config.Config, o Options, server bool) (_ *App, err error) {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the one clock that everything else is handed
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	a := &App{Config: c, options: o, log: o.Log, now: o.Now, server: server, began: o.Now()}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.release, err = useFolder(ctx, c.Data); err != nil {
		return nil, err
	}
	if a.DB, err = openDB(ctx, c, o.Now, server); err != nil {
		return nil, err
	}
	return a, a.build(ctx, o, server)
}

func openDB(ctx context.Context, c *config.Config, now func() time.Time, server bool) (*db.DB, error) {
	d, err := db.Open(ctx, db.Options{Path: databaseFile(c), Now: now})
	if err != nil {
		return nil, err
	}
	if _, err := migrate(ctx, d, c.Data, server); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (a *App) build(ctx context.Context, o Options, server bool) (err error) {
	c := a.Config
	if a.Metrics, err = newMetrics(); err != nil {
		return err
	}
	keys, err := auth.OpenKeys(c.Data)
	if err != nil {
		return err
	}
	a.Audit = audit.New(a.DB, keys.Sub("content-hash"))
	a.Guard, err = access.New(ctx, a.DB, a.Audit, access.Options{
		Default: c.ACLDefault, Limits: limits(c.Limits), Uncounted: !server, Now: o.Now, Log: o.Log,
	})
	if err != nil {
		return err
	}
	if err = a.openSettings(ctx); err != nil {
		return err
	}
	c = a.Config
	a.Checkpoints = checkpoint.New(a.DB, a.Guard, checkpoint.Options{
		DataDir: c.Data, KeyDir: c.AuditKeyDir, Anchor: c.Anchor, Rows: int64(c.CheckpointRows), Every: c.CheckpointEvery, Now: o.Now, Log: o.Log,
	})
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("asking for this machine's name: %w", err)
	}
	a.Auth, err = auth.New(a.DB, a.Guard, auth.Options{
		DataDir: c.Data, JWTSecret: c.JWTSecret.Reveal(), JWTSecretPrevious: c.JWTSecretPrevious.Reveal(), Root: keys, Now: o.Now, Log: o.Log,
		AccessTTL: c.AccessTokenTTL, SessionIdle: c.SessionIdle, SessionMax: c.SessionMax, ServerNames: append([]string{host}, c.TrustedHosts...),
	})
	if err != nil {
		return err
	}
	a.Catalog = catalog.New(a.DB, a.Guard, catalog.Options{
		ModelsDir: c.ModelsDir, RunDir: filepath.Join(c.Data, "run"), Aliases: c.Aliases, Allowed: c.AllowedSHA256, Now: o.Now, Try: o.Try,
	})
	if err := a.syncModels(ctx); err != nil {
		return err
	}
	a.Policy = policy.New(policy.Deps{
		DB: a.DB, Guard: a.Guard, Names: policy.StoredNames{DB: a.DB}, Model: a.Catalog.Exists,
	}, policy.Options{File: c.ACLFile, DefaultAllow: c.ACLDefault == "allow", Now: o.Now, Log: o.Log})
	turns := rehearsal.NewTurns(rehearsal.AtOnce)
	a.Rehearsal = rehearsal.New(rehearsal.Deps{
		Guard: a.Guard, Log: a.Audit, Models: a.Catalog, Names: policy.StoredNames{DB: a.DB}, Turn: turns.Take, Now: o.Now,
	})
	a.Hygiene = hygiene.New(hygiene.Deps{
		DB: a.DB, Guard: a.Guard, Log: a.Audit, Models: a.Catalog.All, Names: policy.StoredNames{DB: a.DB}, Turn: turns.Take,
		Revoke: a.Auth.RevokeKey, Now: o.Now,
	})
	a.Scheduler = inference.New(inference.Options{Queue: c.Queue, Weights: c.Weights, Marks: o.Marks, Now: o.Now})
	a.Models = manager.New(manager.Deps{Catalog: a.Catalog, Scheduler: a.Scheduler, Engine: o.Engine, Log: o.Log, Proven: server},
		manager.Options{Tuning: manager.Tuning{Memory: c.Memory, Idle: c.IdleUnload}, Now: o.Now})
	a.Moderation = moderation.New(moderation.Deps{
		DB: a.DB, Guard: a.Guard, Catalog: a.Catalog, Models: a.Models, Scheduler: a.Scheduler, Audit: a.Audit, Log: o.Log,
		CacheKey: keys.Sub("cache"), Trust: a.trusts,
	}, moderation.Options{
		Mode: c.Mode, KeepContent: c.KeepContent, MaxInputTokens: c.MaxInputTokens,
		Slots: c.Slots, Lanes: c.Lanes, Batch: c.Batch, FlashAttention: c.FlashAttention, KVCache: c.KVCache,
		Threads: c.Threads, Kernels: c.Kernels, Deadline: c.Deadline, Now: o.Now,
		CacheEntries: c.CacheEntries, CacheTTL: c.CacheTTL, CacheShareServices: c.CacheShareServices, Build: o.Build.name(),
	})
	a.Models.Handle(catalog.KindGuard, a.Moderation.Open)
	a.Chat = chat.New(chat.Deps{Guard: a.Guard, Models: a.Models, Scheduler: a.Scheduler, Still: a.Auth.Recheck, Trust: a.trusts},
		chat.Options{
			KeepContent: c.KeepContent, Build: o.Build.name(), Tuning: chatTuning(c), Now: o.Now, Context: c.ChatContext,
			Spec: inference.Spec{Slots: c.Slots, Lanes: c.Lanes, Batch: c.Batch, Threads: c.Threads, Flash: c.FlashAttention, Cache: c.KVCache, Kernels: c.Kernels},
		})
	a.Models.Handle(catalog.KindChat, a.Chat.Open)
	if err := a.openCanary(); err != nil {
		return err
	}
	a.Examples = examples.New(a.Guard, a.Moderation, o.Now)
	a.Events = events.New(events.Deps{
		Log: a.Audit, Guard: a.Guard, History: a.Moderation, Models: a.Catalog, Recheck: a.Auth.Recheck, Verdict: httpapi.HistoryJSON,
	}, events.Options{Now: o.Now, Log: o.Log})
	a.openExport()
	a.openEvidence()
	a.openRequests()
	a.openRetention()
	if err := a.openForwarding(keys); err != nil {
		return err
	}
	a.followSettings(ctx)
	return nil
}

// SystemPrincipal is who acts on the command line for osUser. Each call is one request with an id of its own.
func SystemPrincipal(osUser string) access.Principal {
	p := access.System(osUser)
	p.Origin.RequestID = "req_" + ulid.Make().String()
	return p
}

// LoadModel loads one model of the catalogue, the default guard for "", for a command that needs no other.
func (a *App) LoadModel(ctx context.Context, id string) error {
	return a.Models.LoadModel(ctx, catalog.KindGuard, id)
}

// Close stops the engine, signs the log's end where this is a server that was started, and closes the database: nothing is
// appended behind the last checkpoint. It may be called on a half-built App.
func (a *App) Close() error {
	var errs []error
	if a.Scheduler != nil {
		// A fresh context: the one that served is over when this runs, and running queries must end first.
		ctx, cancel := context.WithTimeout(context.Background(), graceful)
		defer cancel()
		errs = append(errs, a.Scheduler.Close(ctx))
	}
	if a.Checkpoints != nil {
		errs = append(errs, a.Checkpoints.Stop(context.Background()))
	}
	if a.DB != nil {
		errs = append(errs, a.DB.Close())
	}
	if a.release != nil {
		errs = append(errs, a.release())
	}
	return errors.Join(errs...)
}
