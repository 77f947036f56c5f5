package manager_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/fake"
	"guardhouse/internal/manager"
	"guardhouse/models"
)

// sized is the fake engine with an account of its memory: each model takes what is said of it.
type sized struct {
	*fake.Engine
	room int64

	mu     sync.Mutex
	takes  map[string]int64
	wide   int64           // what a cache takes where there is room for it; 0 = as many bytes as slots
	each   int64           // what a cache takes for each token of a query, where it takes more than a byte for each slot
	board  *board          // nil = there is none
	before func(id string) // called as a model is loaded
}

func (e *sized) Room() int64 { return e.room }

func (e *sized) Estimate(s inference.Spec, _ inference.Shape) inference.Memory {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := inference.Memory{Weights: e.takes[s.ModelID], Cache: int64(s.Slots)}
	if e.each > 0 {
		m.Cache = e.each * int64(s.SlotTokens)
	}
	if e.wide > 0 && s.Room > 0 {
		m.Cache = min(e.wide, s.Room)
	}
	if e.board != nil {
		m.GPU = min(m.Weights, e.board.free)
		m.Weights -= m.GPU
	}
	return m
}

// board is a GPU that takes as much of a model as it has memory free.
type board struct{ total, free int64 }

func (e *sized) Devices() []inference.Device {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.board == nil {
		return nil
	}
	return []inference.Device{{Name: "cuda:Board", Total: e.board.total, Free: e.board.free}}
}

func (e *sized) Load(ctx context.Context, s inference.Spec) (inference.Model, error) {
	e.mu.Lock()
	before := e.before
	e.mu.Unlock()
	if before != nil {
		before(s.ModelID)
	}
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	m, err := e.Engine.Load(ctx, s)
	w := weighed{Model: m, takes: e.Estimate(s, inference.Shape{}), e: e}
	if err == nil {
		e.give(-w.takes.GPU)
	}
	return w, err
}

// weighed is a model that says what it takes.
type weighed struct {
	inference.Model
	takes inference.Memory
	e     *sized
}

// give gives memory back to the board.
func (e *sized) give(bytes int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.board != nil {
		e.board.free += bytes
	}
}

func (w weighed) Close() error {
	w.e.give(w.takes.GPU)
	return w.Model.Close()
}

func (w weighed) Describe() inference.Description {
	d := w.Model.Describe()
	d.Memory = w.takes
	if w.takes.GPU > 0 {
		d.Device = "cuda:Board"
	}
	return d
}

// clock is moved by tests.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// rig is the real manager over the real catalogue and scheduler; only the engine is fake.
type rig struct {
	t      testing.TB
	db     *db.DB
	log    *audit.Log
	guard  *access.Guard
	cat    *catalog.Service
	sched  *inference.Scheduler
	engine *sized
	clock  *clock
	files  catalog.Options
	*manager.Service
}

func newRig(t testing.TB, o manager.Tuning) *rig {
	t.Helper()
	r := &rig{t: t, db: apptest.OpenDB(t), clock: &clock{at: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}}
	r.log = audit.New(r.db, []byte("content key of a test"))
	var err error
	r.guard, err = access.New(t.Context(), r.db, r.log, access.Options{})
	require.NoError(t, err)
	dir := t.TempDir()
	r.files = catalog.Options{ModelsDir: filepath.Join(dir, "models"), RunDir: filepath.Join(dir, "run"), Try: apptest.Tried}
	r.cat = catalog.New(r.db, r.guard, r.files)
	require.NoError(t, r.cat.Sync(t.Context()))
	r.schedule()
	r.engine = &sized{Engine: fake.New(fake.Options{
		Decode: func([]int32) string { return "" }, Encode: func(string) []int32 { return []int32{1} }, Respond: func(string) string { return "Safe" },
	}), takes: map[string]int64{}}
	r.Service = manager.New(manager.Deps{Catalog: r.cat, Scheduler: r.sched, Engine: r.engine}, manager.Options{Tuning: o, Now: r.clock.now})
	r.Handle(catalog.KindGuard, open)
	return r
}

func (r *rig) schedule() {
	sched := inference.New(inference.Options{Queue: 64})
	r.t.Cleanup(func() { require.NoError(r.t, sched.Close(context.Background())) })
	r.sched = sched
}

// open reads a file as guards are read, and lets every model prove itself.
func open(_ context.Context, m catalog.Model, f *catalog.File) (manager.Opened, error) {
	info, err := f.Stat()
	if err != nil {
		return manager.Opened{}, err
	}
	g, err := catalog.InspectGuard(f, info.Size())
	if err != nil {
		return manager.Opened{}, err
	}
	return manager.Opened{
		Header: g.File, Content: m.ID, Spec: inference.Spec{Slots: 4, SlotTokens: 64},
		Prove: func(ctx context.Context, m inference.Model) error { return ctx.Err() },
	}, nil
}

// brought imports guard-nano's bytes under another id.
func (r *rig) brought(id string) catalog.Model {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), id+".gguf")
	require.NoError(r.t, os.WriteFile(path, models.GuardNano, 0o600))
	m, err := r.cat.Import(r.t.Context(), admin(), catalog.ImportRequest{Path: path, ID: id, Allow: []string{"*"}})
	require.NoError(r.t, err)
	require.NoError(r.t, r.guard.Reload(r.t.Context()))
	return m
}

func admin() access.Principal { return access.System("tester") }

func (r *rig) model(id string) catalog.Model {
	r.t.Helper()
	all, err := r.cat.All(r.t.Context())
	require.NoError(r.t, err)
	for _, m := range all {
		if m.ID == id {
			return m
		}
	}
	r.t.Fatalf("there is no model %s", id)
	return catalog.Model{}
}

// state is what the catalogue says of a model, with why.
func (r *rig) state(id string) string {
	m := r.model(id)
	if m.StateCode != "" {
		return m.State + " " + m.StateCode
	}
	return m.State
}

// use is a request from its beginning to its end: it holds the model, passes the gate, leases, asks and lets go.
func (r *rig) use(ctx context.Context, name string) (id string, err error) {
	h, err := r.Take(ctx, catalog.KindGuard, name)
	if err != nil {
		return "", err
	}
	defer h.Done()
	op := access.Op{Action: access.ModerationRun, Operation: access.Infer, Model: h.Model.ID, ModelSHA256: h.Model.SHA256}
	pass, err := r.guard.Enter(ctx, admin(), op)
	if err != nil {
		return "", err
	}
	defer pass.Close(&err)
	if _, err := h.Call(); err != nil {
		return "", err
	}
	lease, err := r.sched.Acquire(ctx, pass, h.Model.ID)
	if err != nil {
		return "", err
	}
	defer lease.Release()
	if _, err = lease.Judge(ctx, inference.Query{Prompt: []int32{1}, Labels: []int32{1}}); err == nil {
		_, err = pass.Commit(ctx, access.Outcome{}, nil)
	}
	return h.Model.ID, err
}

func (r *rig) refresh() {
	r.t.Helper()
	require.NoError(r.t, r.Refresh(r.t.Context()))
}

// until looks with a deadline.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 20*time.Second, time.Millisecond, what)
}
