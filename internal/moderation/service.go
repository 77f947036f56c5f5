package moderation

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/limit"
	"guardhouse/internal/manager"
)

// Deps are the services that moderation stands on.
type Deps struct {
	DB        *db.DB
	Guard     *access.Guard
	Catalog   *catalog.Service
	Models    *manager.Service // brings guards as Open says
	Audit     *audit.Log       // says of a text whether it was a verdict's
	Scheduler *inference.Scheduler
	// Trust refuses a guard that is in memory and must not judge; nil = none is refused.
	Trust    func(m catalog.Model) error
	CacheKey []byte       // secret of the verdict cache; without one there is none
	Log      *slog.Logger // nil = none; ids and timings only
}

// Options are the settings as they are at the start; Tune changes those that are in Tuning. Zero values mean the defaults of the contract.
type Options struct {
	Mode           string // strict (default) or loose: the reading of a request that names none
	KeepContent    string // hash (default) or none
	MaxInputTokens int    // 32,768
	WindowCap      int    // most tokens of text that a model is asked about at once: 4,096
	Slots, Threads int    // 0 = what suits the machine, as the four below
	Lanes, Batch   int
	FlashAttention string        // inference.Spec's words
	KVCache        string        // inference.Spec's words
	Kernels        string        // who computes: inference.Spec's words; "" = auto
	Deadline       time.Duration // from a request's start to its answer, whatever it waits for; 0 = none
	CacheEntries   int           // verdicts that are remembered; 0 = none
	CacheTTL       time.Duration // for how long; 0 = 10 minutes
	// CacheShareServices makes all service accounts one owner of remembered verdicts.
	CacheShareServices bool
	Build              string // this program's version and commit, for the provenance of verdicts
	Now                func() time.Time
}

// WindowCap is the most tokens of text that a model is asked about at once, unless it can see less.
const WindowCap = 4096

const (
	defaultMaxInput  = 32768
	defaultWindowCap = WindowCap
	defaultCacheTTL  = 10 * time.Minute
)

// Service judges. Its methods may be called from several goroutines.
type Service struct {
	d       Deps
	o       Options
	entropy ulid.MonotonicReader
	stats   *stats
	cache   *cache // nil = verdicts are not remembered
	tuning  atomic.Pointer[Tuning]

	pricing  *limit.Places // for whoever finds out the price of a large request
	runtimes runtimes
}

// New answers a service that judges with what Deps.Models has in memory.
func New(d Deps, o Options) *Service {
	if o.WindowCap <= 0 {
		o.WindowCap = defaultWindowCap
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the clock, where none was handed in
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	t := o.tuning()
	s := &Service{
		d: d, o: o, stats: newStats(), cache: newCache(o.Now(), t, d.CacheKey),
		runtimes: runtimes{id: map[RuntimeRef]int64{}},
		pricing:  limit.NewPlaces(pricing, "Several of your requests are being measured against your quota. Send fewer at a time."),
		entropy:  &ulid.LockedMonotonicReader{MonotonicReader: ulid.Monotonic(rand.Reader, 0)},
	}
	s.tuning.Store(&t)
	return s
}

// Evaluate answers one verdict per input, in order, after their rows and the audit row are durable. It
// refuses what is empty, too long or too many, what prompt.Guard refuses, and whatever the gate, the
// queue and the engine refuse; each refusal leaves one audit row too. A caller that left gets none of
// the verdicts.
func (s *Service) Evaluate(ctx context.Context, p access.Principal, r Request) (out []Verdict, err error) {
	start, tuning := s.o.Now(), s.tuning.Load()
	ctx, cancel := bound(ctx, tuning.Deadline, r.Within)
	defer cancel()
	op := access.Op{
		Action: access.ModerationRun, Operation: access.Infer, Items: len(r.Inputs), Content: s.content(r),
	}
	if err := r.check(); err != nil {
		return nil, s.reject(ctx, p, op, err)
	}
	held, err := s.d.Models.Take(ctx, catalog.KindGuard, r.Model)
	switch {
	case fault.CodeOf(err) == fault.NotFound:
		op.Unknown = true
		if catalog.ValidID(r.Model) { // else it is any text, which has no place in a row
			op.Model = r.Model
		}
	case err != nil:
		return nil, s.reject(ctx, p, op, err)
	default:
		defer held.Done()
		op.Model, op.ModelSHA256 = held.Model.ID, held.Model.SHA256
	}
	job := job{s: s, held: held, start: start, tuning: tuning, mode: cmp.Or(r.Mode, tuning.Mode), reference: r.Reference}
	op.Price = func(ctx context.Context) access.Cost { return job.price(ctx, p.Account(), r.Inputs) }
	pass, enterErr := s.d.Guard.Enter(ctx, p, op)
	if enterErr != nil {
		return nil, enterErr
	}
	defer pass.Close(&err)
	if op.Unknown { // the gate refuses these itself; never go on without a model
		return nil, err
	}
	job.pass = pass
	if err := job.judge(ctx, r.Inputs); err != nil {
		return nil, err
	}
	return job.commit(ctx, held.Model)
}

// bound ends ctx when the time of a request is over: the caller's own or the setting's, whichever is shorter.
func bound(ctx context.Context, limit, within time.Duration) (context.Context, context.CancelFunc) {
	if within > 0 && (limit <= 0 || within < limit) {
		limit = within
	}
	if limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// reject leaves the row of a request that never entered.
func (s *Service) reject(ctx context.Context, p access.Principal, op access.Op, cause error) error {
	op.Operation = "" // no model was used
	if err := s.d.Guard.Reject(ctx, p, op, audit.Error, string(fault.CodeOf(cause))); err != nil {
		return err
	}
	return cause
}

// content is what the audit row's keyed hash covers: role, line feed, text of every message.
func (s *Service) content(r Request) [][]byte {
	if s.o.KeepContent == "none" {
		return nil
	}
	var all [][]byte
	for _, in := range r.Inputs {
		for _, m := range in.Messages {
			all = append(all, []byte(m.Role+"\n"+m.Content))
		}
	}
	return all
}
