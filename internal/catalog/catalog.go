// Package catalog owns which models exist: their kind, digest, file and state. It embeds none of them
// itself (package models does), checks every file in Go before native code sees it, and hands out
// descriptors whose bytes were hashed. It may import db, access, audit, fault, gguf, tokenizer, prompt
// and models; it never loads or runs a model.
package catalog

import (
	"context"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
)

// The kinds of models, and where they come from.
const (
	KindGuard = "guard" // answers with a verdict
	KindChat  = "chat"  // answers with text

	OriginEmbedded = "embedded"
	OriginImported = "imported"
)

// The states of a model in this process.
const (
	StateLoading = "loading"
	StateReady   = "ready"
	StateFailed  = "failed"
	// StateUnloaded is a model that is not in memory because it is not wanted there now.
	StateUnloaded = "unloaded"
)

// Model is one row of the catalogue. Path is where the file lies and is never shown to a client.
type Model struct {
	ID             string
	Kind           string
	Origin         string
	Architecture   string
	Quantization   string
	SHA256         string
	TemplateSHA256 string
	State          string // loading, ready or failed in this process
	StateReason    string // why it failed, safe to show; "" otherwise
	StateCode      string // why it failed, as one word
	StateSince     time.Time
	Stage          string  // what it is doing while it loads
	Progress       float64 // how much of loading is done, 0 to 1
	SizeBytes      int64
	ContextLength  int
	Default        bool
	Next           bool   // becomes the default of its kind as soon as it is in memory and proven
	Follows        string // the default that it takes the place of, while that is not over; "" = none
	Begun          bool   // a server began with that
	BySetting      bool   // and the setting models.default asked for it, which stays whatever comes of it
	GivenUp        bool   // and nothing came of it in this process
	Unproven       bool   // it is in memory and has not answered yet what it must before it takes another's place
	Wanted         string // of its place in memory: loaded, after or unloaded
	AskedAt        int64  // when somebody last loaded or unloaded it, Unix milliseconds; 0 = never
	Revision       uint64 // another one: what other packages tell of it is new
	CreatedAt      time.Time
	Path           string
	file           string
}

// Options says where files lie. Aliases are other names of models: alias -> id.
type Options struct {
	ModelsDir string // imported models
	RunDir    string // the embedded model, where the kernel has no sealed memory files
	Aliases   map[string]string
	Allowed   []string // the only hashes, in lower case, that may be imported; none = all may
	Now       func() time.Time
	// Try loads the model behind f once and asks it the prompt, where it can do no harm; nil = nothing can be imported.
	Try func(ctx context.Context, f *os.File, prompt []int32) error
}

// Service answers which models there are. Its methods may be called from several goroutines.
type Service struct {
	db    *db.DB
	guard *access.Guard
	o     Options

	aliases  atomic.Pointer[map[string]string]
	chosen   atomic.Pointer[string]  // the default guard by name; nil or "" = the table's
	proven   atomic.Pointer[Proven]  // what the table says
	snapshot atomic.Pointer[[]Model] // nil until first read
	reading  sync.Mutex              // one reader of the table at a time

	mu      sync.Mutex
	states  map[string]state
	touched map[string]uint64 // how often each was, by id
	givenUp map[string]bool   // see Model
	acting  map[string]string // kind -> the model that was its default and in memory last

	downloads chan struct{} // a token for each that is under way

	memfd func(name string, data []byte) (*File, error) // nil = sealedMemory
}

// New answers a service over the catalogue in d. It reads nothing yet: Sync does.
func New(d *db.DB, g *access.Guard, o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the clock, where none was handed in
	}
	s := &Service{db: d, guard: g, o: o, states: map[string]state{}, touched: map[string]uint64{}, givenUp: map[string]bool{}, acting: map[string]string{}, downloads: make(chan struct{}, downloadsAtOnce), memfd: sealedMemory}
	s.SetAliases(o.Aliases)
	return s
}

// Refresh reads the table again and answers whether anything changed: another process may have imported
// a model. It is cheap enough to be called whenever the database moved.
func (s *Service) Refresh(ctx context.Context) (changed bool, err error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	rows, err := s.read(ctx)
	if err != nil {
		return false, err
	}
	last, err := LastProven(ctx, s.db)
	if err != nil {
		return false, err
	}
	s.proven.Store(&last)
	old := s.snapshot.Swap(&rows)
	return old == nil || !sameModels(*old, rows), nil
}

// All answers every model that was not removed, by id, with its state in this process.
func (s *Service) All(ctx context.Context) ([]Model, error) {
	p := s.snapshot.Load()
	if p == nil {
		if _, err := s.Refresh(ctx); err != nil {
			return nil, err
		}
		p = s.snapshot.Load()
	}
	out := slices.Clone(*p)
	s.name(out)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, m := range out {
		m.State, m.Stage = StateLoading, StageWaiting
		if m.Wanted == WantUnloaded {
			m.State, m.Stage, m.StateCode = StateUnloaded, "", ByHand
		}
		if st, ok := s.states[m.ID]; ok {
			st.apply(&m)
		}
		m.Revision, m.GivenUp = s.touched[m.ID], s.givenUp[m.ID]
		out[i] = m
	}
	s.mark(out)
	return out, nil
}

func sameModels(a, b []Model) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
