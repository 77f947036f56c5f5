// Package manager decides which models are in memory and when: it brings a model's file through one descriptor, its hash, the
// Loader of its kind and the first answer into the scheduler, and takes it out again when it is to go or its file changed. It
// may import access, catalog, fault and inference; it knows nothing of prompts, verdicts or HTTP.
package manager

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"guardhouse/internal/catalog"
	"guardhouse/internal/inference"
)

// Loader reads what a kind of model needs of m's file, through the very descriptor that was hashed and will be loaded. It
// refuses, before any native code, what a model of its kind cannot be. Of the Spec it leaves ModelID, File and Progress to the
// manager.
type Loader func(ctx context.Context, m catalog.Model, f *catalog.File) (Opened, error)

// Opened is a file as its kind reads it.
type Opened struct {
	Spec inference.Spec
	// Prove asks the model for the first time, before anybody else may: an error means that it is not fit for use.
	Prove func(ctx context.Context, m inference.Model) error
	// Content is what the kind keeps of the file for its requests. It is immutable, and Resident hands it out.
	Content any
}

// Deps are the services that the manager stands on.
type Deps struct {
	Catalog   *catalog.Service
	Scheduler *inference.Scheduler
	Engine    inference.Engine
	Log       *slog.Logger // nil = none; ids and timings only
}

// Options are the manager's settings.
type Options struct {
	Now func() time.Time // nil = the clock
}

// Service holds what is in memory. Its methods may be called from several goroutines.
type Service struct {
	d       Deps
	o       Options
	loaders map[string]Loader // by kind; complete before the first load

	loading sync.Mutex // one load at a time
	mu      sync.RWMutex
	models  map[string]*Resident
	// withdrawn are not among models.
	withdrawn map[string]*withdrawn
}

// Resident is a model in memory. It is immutable.
type Resident struct {
	Model   catalog.Model
	Content any // what the Loader of its kind made
	What    inference.Description
	file    *catalog.File
}

// New answers a manager with nothing in memory: Load brings it.
func New(d Deps, o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the clock, where none was handed in
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{d: d, o: o, loaders: map[string]Loader{}, models: map[string]*Resident{}, withdrawn: map[string]*withdrawn{}}
}

// Handle has models of a kind loaded by l. It is for whoever builds the services, before anything is loaded.
func (s *Service) Handle(kind string, l Loader) { s.loaders[kind] = l }
