package review_test

import (
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/review"
	"guardhouse/internal/rule"
)

// house is a service over a real gate and a database with people and rules, under a clock that the test turns.
type house struct {
	t     testing.TB
	db    *db.DB
	log   *audit.Log
	guard *access.Guard
	*review.Service

	mu sync.Mutex
	at time.Time
}

var began = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant in all but type

func newHouse(t testing.TB, o access.Options) *house {
	t.Helper()
	h := &house{t: t, at: began}
	h.db = apptest.OpenDBAt(t, apptest.DBPath(t), h.now)
	h.log = audit.New(h.db, []byte("a key of thirty-two bytes, or so"))
	o.Now = h.now
	var err error
	h.guard, err = access.New(t.Context(), h.db, h.log, o)
	require.NoError(t, err)
	h.Service = review.New(review.Deps{DB: h.db, Guard: h.guard, Now: h.now, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	for name, role := range map[string]string{"alice": "admin", "rita": "reviewer", "nora": "nurse"} {
		h.exec(`INSERT INTO users (id, kind, username, username_key, role, status, created_at, updated_at) VALUES (?1, 'person', ?2, ?2, ?3, 'active', 1, 1)`,
			"usr_"+name, name, role)
	}
	h.exec(`INSERT INTO api_keys (id, user_id, label, prefix, secret_hash, created_by, created_at) VALUES ('key_1', 'usr_rita', 'hers', 'gh_1', 'x', 'usr_rita', 1)`)
	h.put(h.ward("a-rita", "rita"), h.ward("b-nora", "nora"), h.ward("c-nobody", ""))
	return h
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

func (h *house) ward(id, owner string) rule.Rule {
	r := rule.Rule{
		ID: id, Allow: true, Principals: []rule.Principal{{Kind: rule.KindRole, Ref: "nurse"}}, Models: []string{"ward-" + id},
		Operations: []rule.Operation{rule.View, rule.Infer},
	}
	if owner != "" {
		r.Owner = "user:usr_" + owner
	}
	return r
}

// put adds rules or puts them in place of those with their ids.
func (h *house) put(list ...rule.Rule) {
	h.t.Helper()
	pass, err := h.guard.Enter(h.t.Context(), access.System("tester"), access.Op{Action: access.ACLManage, Resource: "acl"})
	require.NoError(h.t, err)
	_, err = h.guard.PutRules(h.t.Context(), pass, 0, func(now []rule.Rule) ([]rule.Rule, error) {
		for _, r := range list {
			now = append(slices.DeleteFunc(now, func(x rule.Rule) bool { return x.ID == r.ID }), r)
		}
		return now, nil
	})
	require.NoError(h.t, err)
}

func (h *house) stands(id string) bool {
	return slices.ContainsFunc(h.guard.Rules(), func(r rule.Rule) bool { return r.ID == id })
}

func who(name, role string) access.Principal {
	return access.Principal{Kind: access.KindUser, UserID: "usr_" + name, Name: name, Role: role}
}

func alice() access.Principal { return who("alice", "admin") }
func rita() access.Principal  { return who("rita", "reviewer") }
func nora() access.Principal  { return who("nora", "nurse") }

// begun is a review of all of the test's rules.
func (h *house) begun() review.Review {
	h.t.Helper()
	r, err := h.Begin(h.t.Context(), alice(), review.Draft{Title: "Quarter", DueAt: h.now().Add(72 * time.Hour), Rules: []string{"a-*", "b-*", "c-*", "d-*"}})
	require.NoError(h.t, err)
	return r
}

// last answers the youngest rows of the log, the youngest first.
func (h *house) last(n int) []audit.Event {
	h.t.Helper()
	page, err := h.log.List(h.t.Context(), audit.Filter{Limit: n})
	require.NoError(h.t, err)
	require.Len(h.t, page.Items, n)
	return page.Items
}

func refused(t testing.TB, err error, code fault.Code) {
	t.Helper()
	require.Equal(t, code, fault.CodeOf(err), "%v", err)
}
