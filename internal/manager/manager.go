// Package manager decides which models are in memory and when: it brings a model's file through one descriptor, its hash, the
// Loader of its kind and the first answer into the scheduler, as far as the memory for models goes, and takes it out again when
// it is to go, was not used for long, or its file changed. It may import access, catalog, fault, gguf and inference; it knows
// nothing of prompts, verdicts or HTTP.
package manager

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"guardhouse/internal/catalog"
	"guardhouse/internal/gguf"
	"guardhouse/internal/inference"
)

// Loader reads what a kind of model needs of m's file, through the very descriptor that was hashed and will be loaded. It
// refuses, before any native code, what a model of its kind cannot be. Of the Spec it leaves ModelID, File, Room, Measure and
// Progress to the manager. It is asked of a file that was not hashed yet too, to tell what the model would take.
type Loader func(ctx context.Context, m catalog.Model, f *catalog.File) (Opened, error)

// Opened is a file as its kind reads it.
type Opened struct {
	Header *gguf.File
	Spec   inference.Spec
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
	// Proven says that somebody asks each guard that came into memory more than its Loader did, and tells the catalogue what came of
	// it with SetProven or SetFailed: before that none takes the place of a default that serves.
	Proven bool
}

// Options are the manager's settings at the start; Tune changes those that are in Tuning.
type Options struct {
	Tuning
	Now func() time.Time // nil = the clock
}

// Tuning is what may change while models are in memory.
type Tuning struct {
	Memory int64         // bytes that all models together may take; 0 = what the machine has at the start, less a tenth
	Idle   time.Duration // a model that was not used for so long goes out of memory, but the default guard; 0 = never
}

// Service holds what is in memory. Its methods may be called from several goroutines.
type Service struct {
	d       Deps
	o       Options
	loaders map[string]Loader // by kind; complete before the first load
	tuning  atomic.Pointer[Tuning]
	machine int64         // bytes that models may take where no setting says it; 0 = unknown
	kicked  chan struct{} // holds one: there is something to do

	loading sync.Mutex // one load at a time
	mu      sync.RWMutex
	models  map[string]*Resident
	leaving map[string]*leaving      // not among models
	tries   map[string]try           // loads that failed
	idle    map[string]int64         // taken out because nobody used them, by Model.AskedAt of then
	took    map[string]time.Duration // how long the last load of a model took
	takes   map[string]foreseen      // what a model is held to take
	bring   *bringing                // the load that is going on
	freed   uint64                   // models whose memory came back so far
	loads   uint64                   // models that came into memory so far
}

// Resident is a model in memory. What others may see of it is immutable.
type Resident struct {
	Model   catalog.Model
	Content any // what the Loader of its kind made
	What    inference.Description
	file    *catalog.File

	load    uint64 // which load brought it; under Service.mu, as the next two
	holds   int    // requests that began with it
	calls   int    // of them, those that were let in
	changed atomic.Bool
	used    atomic.Int64 // Unix nanoseconds
}

// New answers a manager with nothing in memory: Load brings it.
func New(d Deps, o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the clock, where none was handed in
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		d: d, o: o, loaders: map[string]Loader{}, kicked: make(chan struct{}, 1), models: map[string]*Resident{}, leaving: map[string]*leaving{},
		tries: map[string]try{}, idle: map[string]int64{}, took: map[string]time.Duration{}, takes: map[string]foreseen{},
	}
	if e, ok := d.Engine.(inference.Estimator); ok {
		s.machine = e.Room() / headRoom * (headRoom - 1)
	}
	s.Tune(o.Tuning)
	return s
}

// Handle has models of a kind loaded by l. It is for whoever builds the services, before anything is loaded.
func (s *Service) Handle(kind string, l Loader) { s.loaders[kind] = l }

// Tune has t in force from now on. Less memory takes nobody out: it holds at the next load.
func (s *Service) Tune(t Tuning) {
	s.tuning.Store(&t)
	s.mu.Lock()
	s.freed++ // what did not fit is tried again
	known := slices.Collect(maps.Keys(s.takes))
	s.mu.Unlock()
	for _, id := range known {
		s.d.Catalog.Touch(id) // it may take more or less of another room
	}
	s.Kick()
}

// Kick has Run look at once: something else is wanted.
func (s *Service) Kick() {
	select {
	case s.kicked <- struct{}{}:
	default:
	}
}
