// Package events lets pages follow what happens: a tail of the audit log, of which each principal gets what its lists
// would show it, in order and resumable by row number, and beside it a few states (policy, models, its own session). One
// reader serves everybody: N streams cost one reading. It decides by the gate, never by itself, and knows nothing of HTTP.
// It may import access, audit, catalog, fault and moderation.
package events

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/moderation"
)

// The types of events, as they stand on the wire.
const (
	TypeVerdict = "verdict" // a row of the history
	TypeAudit   = "audit"   // a row of the log
	TypeUser    = "user"    // an account was changed: its id
	TypeKey     = "key"     // a key was made or changed: its id
	TypeRequest = "request" // somebody asked for access, or a request was decided: its id
	TypeReview  = "review"  // a review of rules was begun, decided in or ended: its id
	TypePolicy  = "policy"  // the version of roles and rules
	TypeModels  = "models"  // a model and its state
	TypeSession = "session" // the stream's own session has ended
	TypeReset   = "reset"   // rows were missed: read the lists again
)

// Event is one message. ID is the number of the last audit row that was delivered in full once this event is; 0 where that
// has not moved: on a state, and on all but the last event of a row.
type Event struct {
	ID   int64
	Type string
	Data json.RawMessage
}

// Bounds. Whoever is further behind than Window rows reads the lists again; the bytes matter where rows are big.
const (
	Window      = 1000
	windowBytes = 16 << 20
	// MaxPerPerson is shared by a person's sessions and keys: a browser needs one.
	MaxPerPerson = 8
	// MaxStreams is what a small server keeps awake without noticing.
	MaxStreams = 512
)

// How often things happen on a stream and in the hub.
const (
	RecheckEvery = 5 * time.Second
	KeepAlive    = 15 * time.Second
	WriteWithin  = 10 * time.Second
	// pollEvery finds what other processes commit, twice within the second that is promised.
	pollEvery = 400 * time.Millisecond
	// pace lets commits gather, so that a busy server reads in batches.
	pace = 50 * time.Millisecond
	// progressEvery is how often a model's loading is told of, where nothing but its progress has moved.
	progressEvery = 300 * time.Millisecond
	// coolAfter is how long rows are kept when nobody follows: a page that is loaded again finds them.
	coolAfter = 30 * time.Second
)

// batchRows is one reading; roundsMax bounds what one turn reads, so that readers get theirs in between.
const (
	batchRows = 100
	roundsMax = 5
)

// HistoryReader answers the verdicts of audit rows, and who may see them.
type HistoryReader interface {
	Tail(ctx context.Context, after, upTo int64) (rows []moderation.OwnedRow, complete int64, err error)
	Sight(ctx context.Context, p access.Principal) moderation.Sight
}

// ModelLister answers every model with its state.
type ModelLister interface {
	All(ctx context.Context) ([]catalog.Model, error)
}

// Deps are the services that the hub stands on. Recheck answers the principal as it is now, or Unauthenticated once its
// session, key or account has ended. Verdict answers the published form of a history row.
type Deps struct {
	Log     *audit.Log
	Guard   *access.Guard
	History HistoryReader
	Models  ModelLister
	Recheck func(ctx context.Context, p access.Principal) (access.Principal, error)
	Verdict func(moderation.HistoryRow) ([]byte, error)
}

// Options of a hub. Tick answers a channel that fires every d, and what stops it; nil means the clock's.
type Options struct {
	Now  func() time.Time
	Tick func(d time.Duration) (fire <-chan time.Time, stop func())
	Log  *slog.Logger
}

// Hub is the one reader and everybody's place in what it read. All methods may be called from any goroutine.
type Hub struct {
	d       Deps
	o       Options
	again   chan struct{} // Run left rows unread
	stopped chan struct{}
	dropped atomic.Uint64
	failing bool // Run's own: the last reading failed

	reading sync.Mutex // one reading at a time

	mu      sync.RWMutex
	ring    ring
	cold    bool // nobody has followed for a while: the ring holds nothing
	idle    time.Time
	closing bool
	streams map[*Subscription]struct{}
	people  map[string]int
	states  states
	moved   time.Time // when states last changed
}

// New answers a hub that reads nothing until somebody follows. Run has to be running for anything to arrive.
func New(d Deps, o Options) *Hub {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the clock of whoever hands in none
	}
	if o.Tick == nil {
		o.Tick = tick
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Hub{
		d: d, o: o, again: make(chan struct{}, 1), stopped: make(chan struct{}), cold: true,
		streams: map[*Subscription]struct{}{}, people: map[string]int{},
	}
}

func tick(d time.Duration) (fire <-chan time.Time, stop func()) {
	t := time.NewTicker(d)
	return t.C, t.Stop
}

// Streams answers how many streams are open.
func (h *Hub) Streams() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.streams)
}

// Dropped answers how many streams were ended because their reader was too slow.
func (h *Hub) Dropped() uint64 { return h.dropped.Load() }
