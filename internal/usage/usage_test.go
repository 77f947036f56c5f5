package usage_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/limit"
	"guardhouse/internal/usage"
)

// house is a service over a real gate, under a clock that the test turns.
type house struct {
	t     testing.TB
	db    *db.DB
	log   *audit.Log
	guard *access.Guard
	*usage.Service

	mu sync.Mutex
	at time.Time
}

// began is near the end of a month.
var began = time.Date(2026, 11, 29, 22, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant in all but type

func newHouse(t testing.TB, quotas ...access.NamedQuota) *house {
	t.Helper()
	h := &house{t: t, at: began}
	h.db = apptest.OpenDBAt(t, apptest.DBPath(t), h.now)
	h.log = audit.New(h.db, []byte("a key of thirty-two bytes, or so"))
	for name, role := range map[string]string{"alice": "admin", "rita": "reviewer", "rob": "reviewer"} {
		h.exec(`INSERT INTO users (id, kind, username, username_key, role, status, created_at, updated_at) VALUES (?1, 'person', ?2, ?2, ?3, 'active', 1, 1)`,
			"usr_"+name, name, role)
	}
	for _, id := range []string{"key_1", "key_2"} {
		h.exec(`INSERT INTO api_keys (id, user_id, label, prefix, secret_hash, created_by, created_at, line) VALUES (?1, 'usr_rita', ?1 || ' of hers', 'gh_1', 'x', 'usr_rita', 1,
			CASE ?1 WHEN 'key_2' THEN 'key_1' ELSE '' END)`, id)
	}
	h.restart(access.Options{Limits: access.Limits{Quotas: quotas}})
	return h
}

// restart is another process over the same database.
func (h *house) restart(o access.Options) {
	h.t.Helper()
	o.Now = h.now
	var err error
	h.guard, err = access.New(h.t.Context(), h.db, h.log, o)
	require.NoError(h.t, err)
	h.Service = usage.New(h.db, h.guard, h.now)
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

func (h *house) exec(query string, args ...any) {
	h.t.Helper()
	require.NoError(h.t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	}))
}

func who(name, role string) access.Principal {
	return access.Principal{Kind: access.KindUser, UserID: "usr_" + name, Name: name, Role: role}
}

func rita() access.Principal { return who("rita", "reviewer") }

// keyed is rita by a key of hers.
func keyed(id, line string) access.Principal {
	p := rita()
	p.Kind, p.KeyID, p.KeyLine = access.KindKey, id, line
	return p
}

// runs lets somebody run the shipped model for so many requests, tokens and so much time, and leaves the use open.
func (h *house) runs(p access.Principal, items int) *access.Pass {
	h.t.Helper()
	pass, err := h.guard.Enter(h.t.Context(), p, access.Op{Action: access.ModerationRun, Operation: access.Infer, Model: "guard-nano", Items: items})
	require.NoError(h.t, err)
	return pass
}

func (h *house) ends(pass *access.Pass, c access.Cost) {
	h.t.Helper()
	pass.Used(c)
	_, err := pass.Commit(h.t.Context(), access.Outcome{}, nil)
	require.NoError(h.t, err)
}

// used is what a period says of each unit, in the order of the units.
func used(p usage.Period) (out [4]int64) {
	for i, c := range p.Counts {
		out[i] = c.Used
	}
	return out
}

func TestUsageCountsWithoutQuotas(t *testing.T) {
	h := newHouse(t)
	open := h.runs(rita(), 3)
	u, err := h.Own(t.Context(), rita())
	require.NoError(t, err)
	require.Equal(t, usage.Person, u.Kind)
	require.Equal(t, "rita", u.Name)
	require.Len(t, u.Today.Counts, 4)
	for i, unit := range usage.Units() {
		require.Equal(t, unit, u.Today.Counts[i].Unit)
		require.Equal(t, limit.NoMax, u.Today.Counts[i].Limit)
	}
	require.Positive(t, u.Today.Counts[1].Held, "what is under way is held")
	h.ends(open, access.Cost{Tokens: 120, ComputeMS: 1500})
	h.ends(h.runs(keyed("key_1", "key_1"), 1), access.Cost{Tokens: 30, ComputeMS: 500})
	h.ends(h.runs(keyed("key_2", "key_1"), 1), access.Cost{Tokens: 5})
	u, err = h.Own(t.Context(), rita())
	require.NoError(t, err)
	require.Equal(t, [4]int64{5, 155, 0, 2000}, used(u.Today), "whichever session or key asked")
	require.Equal(t, used(u.Today), used(u.Month))
	require.Equal(t, time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), u.Today.ResetsAt)
	require.Equal(t, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), u.Month.ResetsAt)
	for _, id := range []string{"key_1", "key_2"} {
		k, err := h.OfKey(t.Context(), rita(), id)
		require.NoError(t, err)
		require.Equal(t, id+" of hers", k.Name)
		require.Equal(t, [4]int64{2, 35, 0, 500}, used(k.Today), "a rotated key counts on")
	}
	other, err := h.Own(t.Context(), who("rob", "reviewer"))
	require.NoError(t, err)
	require.Equal(t, [4]int64{}, used(other.Today))
}

func TestDaysMonthsAndRestarts(t *testing.T) {
	h := newHouse(t, access.NamedQuota{Name: "limits.person_day_requests", By: limit.ByPerson, Quota: limit.Quota{Unit: limit.Requests, Span: limit.Day, Max: 10}})
	h.ends(h.runs(rita(), 2), access.Cost{Tokens: 7})
	require.NoError(t, h.guard.SaveLimits(t.Context()))
	h.pass(4 * time.Hour) // the next day of UTC
	h.ends(h.runs(rita(), 4), access.Cost{Tokens: 1})
	u, err := h.Own(t.Context(), rita())
	require.NoError(t, err)
	require.Equal(t, [4]int64{4, 1, 0, 0}, used(u.Today))
	require.Equal(t, [4]int64{6, 8, 0, 0}, used(u.Month))
	require.Equal(t, int64(10), u.Today.Counts[0].Limit)
	require.Equal(t, limit.NoMax, u.Month.Counts[0].Limit)
	require.Len(t, u.Days, 30)
	require.Equal(t, time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), u.Days[29].Day)
	require.Equal(t, int64(4), u.Days[29].Used[limit.Requests])
	require.Equal(t, int64(2), u.Days[28].Used[limit.Requests])
	require.Equal(t, int64(7), u.Days[28].Used[limit.Tokens])
	require.Zero(t, u.Days[27].Used[limit.Requests])

	require.NoError(t, h.guard.SaveLimits(t.Context()))
	for name, o := range map[string]access.Options{"a restart": {}, "the command line": {Uncounted: true}} {
		h.restart(o)
		again, err := h.Own(t.Context(), rita())
		require.NoError(t, err)
		require.Equal(t, used(u.Today), used(again.Today), name)
		require.Equal(t, used(u.Month), used(again.Month), name)
		require.Equal(t, u.Days, again.Days, name)
	}
	h.pass(24 * time.Hour) // the next month
	u, err = h.Own(t.Context(), rita())
	require.NoError(t, err)
	require.Equal(t, [4]int64{}, used(u.Month))
	require.Equal(t, int64(4), u.Days[28].Used[limit.Requests])
}

// threat Z3: what others have used is theirs, and a key of somebody else's is one that never was.
func TestWhoSeesUsage(t *testing.T) {
	h := newHouse(t)
	rob, alice, gus := who("rob", "reviewer"), who("alice", "admin"), who("gus", "guest")
	for _, id := range []string{"usr_rita", "usr_unknown", ""} {
		apptest.RequireRows(t, h.db, 1, func() {
			_, err := h.OfPerson(t.Context(), rob, id)
			require.Equal(t, fault.Forbidden, fault.CodeOf(err), id)
		})
	}
	_, err := h.OfPerson(t.Context(), alice, "usr_rita")
	require.NoError(t, err)
	_, err = h.OfPerson(t.Context(), alice, "usr_unknown")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	for _, p := range []access.Principal{access.Anonymous(access.Origin{}), {}, {Kind: access.KindUser}} {
		_, err := h.Own(t.Context(), p)
		require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	}
	for _, id := range []string{"key_1", "key_unknown"} {
		_, err := h.OfKey(t.Context(), rob, id)
		require.Equal(t, fault.NotFound, fault.CodeOf(err), id)
		_, err = h.OfKey(t.Context(), gus, id)
		require.Equal(t, fault.Forbidden, fault.CodeOf(err), id)
	}
	_, err = h.OfKey(t.Context(), alice, "key_1")
	require.NoError(t, err)
}
