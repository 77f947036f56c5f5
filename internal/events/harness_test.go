package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/events"
	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
)

// rig is a hub over a real database with the shipped roles.
type rig struct {
	t     testing.TB
	db    *db.DB
	log   *audit.Log
	guard *access.Guard
	hub   *events.Hub
	clock *clock
	out   *apptest.Lines
	stop  func()

	models *models
	rights *rights
}

func newRig(t testing.TB) *rig { return rigOver(t, apptest.OpenDB(t)) }

// rigOver starts another hub over a database, as a restart does.
func rigOver(t testing.TB, d *db.DB) *rig {
	t.Helper()
	r := &rig{t: t, db: d, log: audit.New(d, []byte("content key of a test")), clock: newClock(), out: &apptest.Lines{}}
	var err error
	r.guard, err = access.New(t.Context(), d, r.log, access.Options{})
	require.NoError(t, err)
	r.models = &models{list: []catalog.Model{{ID: "guard-nano", State: catalog.StateReady}, {ID: "closed", State: catalog.StateReady}}}
	r.rights = &rights{gone: map[string]bool{}, role: map[string]string{}}
	r.hub = events.New(events.Deps{
		Log: r.log, Guard: r.guard, History: moderation.New(moderation.Deps{DB: d, Guard: r.guard}, moderation.Options{}),
		Models: r.models, Recheck: r.rights.recheck,
		Verdict: func(row moderation.HistoryRow) ([]byte, error) { return json.Marshal(row) },
	}, events.Options{Now: r.clock.Now, Tick: r.clock.Tick, Log: slog.New(slog.NewJSONHandler(r.out, nil))})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.hub.Run(ctx) }()
	r.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(r.stop)
	return r
}

// rights stands for the service that knows sessions and accounts.
type rights struct {
	mu     sync.Mutex
	gone   map[string]bool   // user ids
	role   map[string]string // by user id, where it changed
	broken error
}

func (r *rights) recheck(_ context.Context, p access.Principal) (access.Principal, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return access.Principal{}, r.broken
	}
	if r.gone[p.UserID] {
		return access.Principal{}, fault.New(fault.Unauthenticated, "gone")
	}
	if role, ok := r.role[p.UserID]; ok {
		p.Role = role
	}
	return p, nil
}

func (r *rights) set(change func(*rights)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
}

type models struct {
	mu   sync.Mutex
	list []catalog.Model
}

func (m *models) All(context.Context) ([]catalog.Model, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]catalog.Model(nil), m.list...), nil
}

func (m *models) set(list ...catalog.Model) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = list
}

// clock is turned by the test. The hub's poll is the machine's: it only finds what no commit of this process told of.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	ticks map[int]*ticking
	next  int
}

type ticking struct {
	every time.Duration
	due   time.Time
	fire  chan time.Time
}

func newClock() *clock {
	return &clock{now: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC), ticks: map[int]*ticking{}}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Tick(d time.Duration) (fire <-chan time.Time, stop func()) {
	if d < time.Second {
		t := time.NewTicker(20 * time.Millisecond)
		return t.C, t.Stop
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	id, t := c.next, &ticking{every: d, due: c.now.Add(d), fire: make(chan time.Time, 1)}
	c.ticks[id] = t
	return t.fire, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.ticks, id)
	}
}

// Advance moves the time and fires what is due.
func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	for _, t := range c.ticks {
		for !t.due.After(c.now) {
			t.due = t.due.Add(t.every)
			select {
			case t.fire <- c.now:
			default:
			}
		}
	}
}

// running answers how many of the long ticks are under way.
func (c *clock) running() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ticks)
}

// row appends one audit row with the verdicts of one owner, as a moderation does, and answers its number.
func (r *rig) row(e audit.Entry, verdictsOf string, verdicts int) int64 {
	r.t.Helper()
	var seq int64
	require.NoError(r.t, r.db.Write(func(tx *db.Tx) error {
		if e.Actor.Type == "" {
			e.Actor = audit.Actor{Type: "user", ID: verdictsOf, Name: "somebody"}
		}
		if e.Action == "" {
			e.Action = string(access.ModerationRun)
		}
		if e.Decision == "" {
			e.Decision = audit.Allow
		}
		ev, err := r.log.Append(tx, e)
		if err != nil {
			return err
		}
		seq = ev.Seq
		return insertVerdicts(tx, ev, verdictsOf, verdicts)
	}))
	return seq
}

func insertVerdicts(tx *db.Tx, ev audit.Event, owner string, n int) error {
	for i := range n {
		_, err := tx.Exec(`INSERT INTO verdicts (id, audit_seq, item, request_id, created_at, owner_id, actor_type, actor_id,
			actor_name, model_id, model_sha256, quantization, template_sha256, policy_version, mode, severity, categories, flagged,
			action, score_safe, score_contro, score_unsafe, score_other, cached, queue_us, model_us, total_us, prompt_tokens, passes,
			windows) VALUES (?, ?, ?, 'req', ?, ?, 'user', ?, 'somebody', 'guard-nano', 'sha', 'Q8_0', 'tpl', 1, 'strict', 'Safe',
			'[]', 0, 'allow', 1, 0, 0, 0, 0, 1, 2, 3, 4, 1, 1)`,
			fmt.Sprintf("mod_%026d", ev.Seq*1000+int64(i)), ev.Seq, i, ev.At.UnixMilli(), owner, owner)
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *rig) verdict(owner string) int64 { return r.row(audit.Entry{}, owner, 1) }

func user(role string) access.Principal {
	return access.Principal{
		Kind: access.KindUser, UserID: "usr_" + role, Name: role, Role: role, SessionID: "ses_" + role,
		Origin: access.Origin{RequestID: "req_" + role},
	}
}

// stream is one subscription that is being followed.
type stream struct {
	*reader
	done chan struct{}
	end  func()
}

func (r *rig) follow(p access.Principal, after int64) *stream {
	r.t.Helper()
	return r.followWith(p, after, newReader())
}

func (r *rig) followWith(p access.Principal, after int64, to *reader) *stream {
	r.t.Helper()
	sub, err := r.hub.Subscribe(r.t.Context(), p, after)
	require.NoError(r.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	s := &stream{reader: to, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		defer sub.Close()
		sub.Follow(ctx, to)
	}()
	s.end = sync.OnceFunc(func() { cancel(); <-s.done })
	r.t.Cleanup(s.end)
	return s
}

// ended waits for the stream's end.
func (s *stream) ended(t testing.TB) {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(10 * time.Second):
		require.FailNow(t, "the stream goes on", s.text())
	}
}

// marker appends a row that everybody here may see the effect of, and waits until the stream has dealt with it: what did
// not arrive by then does not arrive.
func (r *rig) settle(s *stream) {
	r.t.Helper()
	pos := r.row(audit.Entry{Action: "auth.login"}, "usr_nobody", 0)
	require.Eventually(r.t, func() bool { return r.hub.Position() >= pos }, 10*time.Second, time.Millisecond)
	// A model's change is told to whoever sees models, a policy's to everybody: rows that were read before go out before.
	version := r.guard.PolicyVersion()
	require.NoError(r.t, r.db.Write(func(tx *db.Tx) error { return r.guard.Changed(tx, "a test") }))
	want := strconv.FormatInt(version+1, 10)
	s.until(r.t, func() bool {
		list := s.of(events.TypePolicy)
		return len(list) > 0 && list[len(list)-1].data == `{"version":`+want+`}`
	})
}
