package moderation_test

import (
	"bytes"
	"context"
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
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/fake"
	"guardhouse/internal/manager"
	"guardhouse/internal/moderation"
	"guardhouse/internal/prompt"
	"guardhouse/models"
)

// nano is what the embedded guard's file says: its real template and vocabulary stand behind every test.
var nano = sync.OnceValues(func() (*catalog.Guard, error) { //nolint:gochecknoglobals // parsed once per test binary
	return catalog.InspectGuard(bytes.NewReader(models.GuardNano), int64(len(models.GuardNano)))
})

// rig is the real service over a real database; only the engine may be fake.
type rig struct {
	db     *db.DB
	log    *audit.Log
	guard  *access.Guard
	cat    *catalog.Service
	sched  *inference.Scheduler
	models *manager.Service
	engine *fake.Engine
	svc    *moderation.Service
	dir    string
	asked  *asked
}

// asked keeps the prompts that reached the engine.
type asked struct {
	mu      sync.Mutex
	prompts []string
}

func (a *asked) all() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.prompts...)
}

type option func(*settings)

type settings struct {
	moderation.Options
	engine  inference.Engine
	respond func(string) string
	queue   int
	idle    bool
	limits  access.Limits
}

func with(o moderation.Options) option       { return func(s *settings) { s.Options = o } }
func answering(f func(string) string) option { return func(s *settings) { s.respond = f } }
func queue(n int) option                     { return func(s *settings) { s.queue = n } }
func within(l access.Limits) option          { return func(s *settings) { s.limits = l } }
func notLoaded() option                      { return func(s *settings) { s.idle = true } }

func newRig(t testing.TB, opts ...option) *rig {
	t.Helper()
	s := settings{respond: fake.Cues, queue: 64}
	for _, o := range opts {
		o(&s)
	}
	g, err := nano()
	require.NoError(t, err)
	r := &rig{db: apptest.OpenDB(t), dir: t.TempDir(), asked: &asked{}}
	r.log = audit.New(r.db, []byte("content key of a test"))
	r.guard, err = access.New(t.Context(), r.db, r.log, access.Options{Limits: s.limits})
	require.NoError(t, err)
	r.cat = catalog.New(r.db, r.guard, catalog.Options{ModelsDir: filepath.Join(r.dir, "models"), RunDir: filepath.Join(r.dir, "run"), Try: apptest.Tried})
	require.NoError(t, r.cat.Sync(t.Context()))
	r.sched = inference.New(inference.Options{Queue: s.queue})
	t.Cleanup(func() { require.NoError(t, r.sched.Close(context.Background())) })
	r.engine = fake.New(fake.Options{
		Decode: func(ids []int32) string { return g.Tokenizer.Decode(ids) }, Encode: g.Tokenizer.Encode,
		Respond: func(p string) string {
			r.asked.mu.Lock()
			r.asked.prompts = append(r.asked.prompts, p)
			r.asked.mu.Unlock()
			return s.respond(p)
		},
	})
	var e inference.Engine = r.engine
	if s.engine != nil {
		e = s.engine
	}
	r.svc, r.models = r.service(e, s.Options)
	if !s.idle {
		require.NoError(t, r.models.Load(t.Context()))
		r.asked.prompts = nil // the canary is nobody's question
	}
	return r
}

// service answers a service over the rig's catalogue and scheduler, and the manager that brings its guards.
func (r *rig) service(e inference.Engine, o moderation.Options) (*moderation.Service, *manager.Service) {
	models := manager.New(manager.Deps{Catalog: r.cat, Scheduler: r.sched, Engine: e}, manager.Options{Now: o.Now})
	svc := moderation.New(moderation.Deps{
		DB: r.db, Guard: r.guard, Catalog: r.cat, Models: models, Scheduler: r.sched, Audit: r.log, CacheKey: []byte("cache key of a test"),
	}, o)
	models.Handle(catalog.KindGuard, svc.Open)
	return svc, models
}

func person(name, role string) access.Principal {
	return access.Principal{
		Kind: access.KindUser, UserID: "usr_" + name, Name: name, Role: role,
		Origin: access.Origin{RequestID: "req_" + name},
	}
}

func rita() access.Principal { return person("rita", "reviewer") }

func text(s string) moderation.Input {
	return moderation.Input{Messages: []prompt.Message{{Role: "user", Content: s}}}
}

// talk makes a conversation that begins with the user and alternates.
func talk(turns ...string) moderation.Input {
	var in moderation.Input
	for i, s := range turns {
		in.Messages = append(in.Messages, prompt.Message{Role: []string{"user", "assistant"}[i%2], Content: s})
	}
	return in
}

func ask(ins ...moderation.Input) moderation.Request { return moderation.Request{Inputs: ins} }

// judge answers the one verdict of a legal input.
func (r *rig) judge(t testing.TB, in moderation.Input) moderation.Verdict {
	t.Helper()
	vs, err := r.svc.Evaluate(t.Context(), rita(), ask(in))
	require.NoError(t, err)
	require.Len(t, vs, 1)
	return vs[0]
}

// rows answers the audit log, newest first, after checking that the chain is whole.
func (r *rig) rows(t testing.TB) []audit.Event {
	t.Helper()
	report, err := r.log.Verify(context.Background())
	require.NoError(t, err)
	require.True(t, report.OK(), "%+v", report)
	page, err := r.log.List(context.Background(), audit.Filter{Limit: 500})
	require.NoError(t, err)
	return page.Items
}

// stored counts the verdicts in the table.
func (r *rig) stored(t testing.TB) (n int) {
	t.Helper()
	require.NoError(t, r.db.ReadSQL().QueryRowContext(context.Background(), "SELECT count(*) FROM verdicts").Scan(&n))
	return n
}

// until polls with a deadline.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 10*time.Second, time.Millisecond, what)
}
