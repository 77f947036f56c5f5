package canary_test

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
	"guardhouse/internal/canary"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/fake"
	"guardhouse/internal/manager"
	"guardhouse/internal/moderation"
	"guardhouse/models"
)

// nano is what the embedded guard's file says.
var nano = sync.OnceValues(func() (*catalog.Guard, error) { //nolint:gochecknoglobals // parsed once per test binary
	return catalog.InspectGuard(bytes.NewReader(models.GuardNano), int64(len(models.GuardNano)))
})

// rig is the real services over a real database; only the engine may be fake.
type rig struct {
	db      *db.DB
	log     *audit.Log
	guard   *access.Guard
	cat     *catalog.Service
	sched   *inference.Scheduler
	svc     *moderation.Service
	models  *manager.Service
	builtin []canary.Baseline
	now     time.Time
	canary  *canary.Service
}

// newRig answers services whose guards the engine answers for, nil = the fake that respond speaks for.
func newRig(t testing.TB, engine inference.Engine, respond func(string) string, o moderation.Options) *rig {
	t.Helper()
	g, err := nano()
	require.NoError(t, err)
	dir := t.TempDir()
	r := &rig{db: apptest.OpenDB(t), now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	r.log = audit.New(r.db, []byte("content key of a test"))
	r.guard, err = access.New(t.Context(), r.db, r.log, access.Options{})
	require.NoError(t, err)
	r.cat = catalog.New(r.db, r.guard, catalog.Options{ModelsDir: filepath.Join(dir, "models"), RunDir: filepath.Join(dir, "run"), Try: apptest.Tried})
	require.NoError(t, r.cat.Sync(t.Context()))
	r.sched = inference.New(inference.Options{Queue: 64})
	t.Cleanup(func() { require.NoError(t, r.sched.Close(context.Background())) })
	if engine == nil {
		engine = fake.New(fake.Options{Decode: g.Tokenizer.Decode, Encode: g.Tokenizer.Encode, Respond: respond})
	}
	r.models = manager.New(manager.Deps{Catalog: r.cat, Scheduler: r.sched, Engine: engine, Proven: true}, manager.Options{})
	r.svc = moderation.New(moderation.Deps{
		DB: r.db, Guard: r.guard, Catalog: r.cat, Models: r.models, Scheduler: r.sched, Audit: r.log,
		Trust: func(m catalog.Model) error { return r.canary.Trust(m) },
	}, o)
	r.models.Handle(catalog.KindGuard, r.svc.Open)
	r.restart(t)
	require.NoError(t, r.models.Load(t.Context()))
	return r
}

// restart forgets what the service remembers, as a new process would.
func (r *rig) restart(t testing.TB) {
	t.Helper()
	r.judging(t, r.svc)
}

// judging is restart with another moderation.
func (r *rig) judging(t testing.TB, j canary.Judge) {
	t.Helper()
	var err error
	r.canary, err = canary.New(canary.Deps{DB: r.db, Audit: r.log, Catalog: r.cat, Judge: j, Builtin: r.builtin},
		canary.Options{At: 3 * time.Hour, Now: func() time.Time { return r.now }})
	require.NoError(t, err)
}

// look has the service look, and answers the rows that it left.
func (r *rig) look(t testing.TB) []audit.Event {
	t.Helper()
	seq, _, _, err := r.log.Head(t.Context())
	require.NoError(t, err)
	require.NoError(t, r.canary.Look(t.Context()))
	rows, err := r.log.After(t.Context(), seq, 10)
	require.NoError(t, err)
	return rows
}

func (r *rig) state(t testing.TB) canary.State {
	t.Helper()
	st, asked := r.canary.State("guard-nano")
	require.True(t, asked)
	return st
}

// stored answers the recorded answers as they are stored.
func (r *rig) stored(t testing.TB) (text string) {
	t.Helper()
	require.NoError(t, r.db.ReadSQL().QueryRowContext(t.Context(), "SELECT answers FROM canary_baselines").Scan(&text))
	return text
}

func (r *rig) nano(t testing.TB) catalog.Model {
	t.Helper()
	m, err := r.cat.Resolve(t.Context(), "")
	require.NoError(t, err)
	return m
}

// said answers what a guard says of the set now, as its baseline; "" is the default one.
func (r *rig) said(t testing.TB, id string) canary.Baseline {
	t.Helper()
	m, err := r.cat.Resolve(t.Context(), id)
	require.NoError(t, err)
	s := set(t)
	b := canary.Baseline{ModelSHA256: m.SHA256, TemplateSHA256: m.TemplateSHA256, SetSHA256: s.SHA256}
	require.NoError(t, r.svc.Examine(t.Context(), access.Server("canary"), access.ModelManage, m.ID, s.Inputs(), func(said []moderation.Rejudged) (c moderation.Concluded) {
		for i, v := range said {
			b.Answers = append(b.Answers, canary.Answer{Name: s.Prompts[i].Name, Severity: v.Severity, Categories: v.Categories, Refusal: v.Refusal, Scores: v.Scores})
		}
		return c
	}))
	return b
}

func rita() access.Principal {
	return access.Principal{Kind: access.KindUser, UserID: "usr_rita", Name: "rita", Role: "reviewer", Origin: access.Origin{RequestID: "req_1"}}
}

// judge asks the default guard as anybody would.
func (r *rig) judge(t testing.TB) error {
	t.Helper()
	_, err := r.svc.Evaluate(t.Context(), rita(), moderation.Request{Inputs: set(t).Inputs()[:1]})
	return err
}

func set(t testing.TB) canary.Set {
	t.Helper()
	s, err := canary.Prompts()
	require.NoError(t, err)
	return s
}
