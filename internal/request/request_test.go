package request_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/request"
	"guardhouse/internal/rule"
)

// house is a service over a real gate and a database with people, under a clock that the test turns.
type house struct {
	t     testing.TB
	db    *db.DB
	log   *audit.Log
	guard *access.Guard
	*request.Service

	mu     sync.Mutex
	at     time.Time
	models map[string]access.Action
}

var began = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant in all but type

func newHouse(t testing.TB) *house { return newHouseWith(t, access.Options{}) }

func newHouseWith(t testing.TB, o access.Options) *house {
	t.Helper()
	h := &house{t: t, at: began, models: map[string]access.Action{"guard-nano": access.ModerationRun, "qwen-4b": access.ModerationRun, "small-talk": access.ChatRun}}
	h.db = apptest.OpenDBAt(t, apptest.DBPath(t), h.now)
	h.log = audit.New(h.db, []byte("a key of thirty-two bytes, or so"))
	var err error
	o.Now = h.now
	h.guard, err = access.New(t.Context(), h.db, h.log, o)
	require.NoError(t, err)
	h.Service = request.New(request.Deps{DB: h.db, Guard: h.guard, Now: h.now, Models: func(context.Context) (map[string]access.Action, error) { return h.models, nil }})
	for name, role := range map[string]string{"alice": "admin", "adam": "admin", "rita": "reviewer", "nora": "nurse"} {
		h.exec(`INSERT INTO users (id, kind, username, username_key, role, status, created_at, updated_at) VALUES (?1, 'person', ?2, ?2, ?3, 'active', 1, 1)`,
			"usr_"+name, name, role)
	}
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

// put replaces all rules and what a file says of the default.
func (h *house) put(byDefault string, list ...rule.Rule) {
	h.t.Helper()
	pass, err := h.guard.Enter(h.t.Context(), access.System("tester"), access.Op{Action: access.ACLManage, Resource: "acl"})
	require.NoError(h.t, err)
	_, err = h.guard.PutPolicy(h.t.Context(), pass, 0, func(*db.Tx, access.Policy) (access.PolicyWrite, error) {
		return access.PolicyWrite{Rules: list, Default: byDefault}, nil
	})
	require.NoError(h.t, err)
}

// who is somebody of the house, by his session.
func who(name, role string) access.Principal {
	return access.Principal{Kind: access.KindUser, UserID: "usr_" + name, Name: name, Role: role}
}

func alice() access.Principal { return who("alice", "admin") }
func adam() access.Principal  { return who("adam", "admin") }
func rita() access.Principal  { return who("rita", "reviewer") }
func nora() access.Principal  { return who("nora", "nurse") }

func (h *house) wish(model string) request.Wish {
	return request.Wish{Model: model, Purpose: "triage of letters", Until: h.now().Add(72 * time.Hour)}
}

func (h *house) asked(p access.Principal, model string) request.Request {
	h.t.Helper()
	r, err := h.Submit(h.t.Context(), p, h.wish(model))
	require.NoError(h.t, err)
	return r
}

// last is the youngest row of the log.
func (h *house) last() audit.Event {
	h.t.Helper()
	page, err := h.log.List(h.t.Context(), audit.Filter{Limit: 1})
	require.NoError(h.t, err)
	require.Len(h.t, page.Items, 1)
	return page.Items[0]
}

// may says whether somebody may judge with a model now.
func (h *house) may(p access.Principal, model string, op rule.Operation) bool {
	h.t.Helper()
	pass, err := h.guard.Enter(h.t.Context(), p, access.Op{Action: access.ModerationRun, Operation: op, Model: model})
	if err != nil {
		require.Contains(h.t, []fault.Code{fault.Forbidden, fault.NotFound}, fault.CodeOf(err))
		return false
	}
	_, err = pass.Commit(h.t.Context(), access.Outcome{}, nil)
	require.NoError(h.t, err)
	return true
}

func refused(t testing.TB, err error, code fault.Code, field string) {
	t.Helper()
	require.Equal(t, code, fault.CodeOf(err), "%v", err)
	require.Equal(t, field, fault.From(err).Field)
}

func TestSubmit(t *testing.T) {
	h := newHouse(t)
	r, err := h.Submit(t.Context(), rita(), request.Wish{
		Model: "qwen-4b", Purpose: "  discharge letters\nof ward 3 ", Operations: []rule.Operation{rule.Infer}, Until: began.Add(48 * time.Hour),
	})
	require.NoError(t, err)
	require.Equal(t, request.Open, r.Status)
	require.Equal(t, "discharge letters\nof ward 3", r.Purpose)
	require.Equal(t, []rule.Operation{rule.View, rule.Infer}, r.Operations, "infer alone would open nothing")
	require.Nil(t, r.Known, "rita may not know")
	row := h.last()
	require.Equal(t, "request:"+r.ID, row.Resource)
	require.Equal(t, "qwen-4b", row.Model)
	raw, err := json.Marshal(row)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "ward 3", "a purpose is written in people's own words and stays out of the log")

	_, err = h.Get(t.Context(), nora(), r.ID)
	refused(t, err, fault.NotFound, "")
	seen, err := h.Get(t.Context(), alice(), r.ID)
	require.NoError(t, err)
	require.Equal(t, "rita", seen.Username)
	require.True(t, *seen.Known)
	require.False(t, h.may(rita(), "qwen-4b", rule.Infer), "asking opens nothing")
}

func TestSubmitRefuses(t *testing.T) {
	h := newHouse(t)
	for name, c := range map[string]struct {
		change func(*request.Wish)
		field  string
	}{
		"no model":       {func(w *request.Wish) { w.Model = "" }, "model"},
		"a pattern":      {func(w *request.Wish) { w.Model = "qwen-*" }, "model"},
		"upper case":     {func(w *request.Wish) { w.Model = "Qwen" }, "model"},
		"look-alike":     {func(w *request.Wish) { w.Model = "qwеn-4b" }, "model"},
		"a path":         {func(w *request.Wish) { w.Model = "../qwen" }, "model"},
		"no purpose":     {func(w *request.Wish) { w.Purpose = " \n " }, "purpose"},
		"hidden purpose": {func(w *request.Wish) { w.Purpose = "a\u202eb" }, "purpose"},
		"broken purpose": {func(w *request.Wish) { w.Purpose = "a\xff" }, "purpose"},
		"lost letters":   {func(w *request.Wish) { w.Purpose = "a\ufffd" }, "purpose"},
		"at once":        {func(w *request.Wish) { w.Until = began.Add(59 * time.Minute) }, "until"},
		"past":           {func(w *request.Wish) { w.Until = began.Add(-time.Hour) }, "until"},
		"for ever":       {func(w *request.Wish) { w.Until = began.AddDate(3, 0, 0) }, "until"},
	} {
		w := h.wish("qwen-4b")
		c.change(&w)
		apptest.RequireRows(t, h.db, 1, func() {
			_, err := h.Submit(t.Context(), rita(), w)
			require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
			require.Equal(t, c.field, fault.From(err).Field, name)
		})
	}
	_, err := h.Submit(t.Context(), access.Anonymous(access.Origin{}), h.wish("qwen-4b"))
	refused(t, err, fault.Forbidden, "")
	_, err = h.Submit(t.Context(), access.System("root"), h.wish("qwen-4b"))
	refused(t, err, fault.Forbidden, "")
	page, err := h.List(t.Context(), alice(), request.Filter{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

// However many ask at once, a person has at most 20 open requests, and one for a model.
func TestAtMostTwentyOpen(t *testing.T) {
	h := newHouse(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[fault.Code]int{}
	for i := range 50 {
		wg.Go(func() {
			_, err := h.Submit(t.Context(), rita(), h.wish("m-"+string(rune('a'+i%25))))
			mu.Lock()
			defer mu.Unlock()
			codes[fault.CodeOf(err)]++
		})
	}
	wg.Wait()
	require.Equal(t, map[fault.Code]int{"": 20, fault.Conflict: 30}, codes)
	h.asked(nora(), "m-a")
	h.pass(73 * time.Hour)
	h.asked(rita(), "m-a")
}

// Each status lists exactly the requests that have it, and a page goes on where the one before ended.
func TestListByStatus(t *testing.T) {
	h := newHouse(t)
	old := h.asked(rita(), "m-old")
	grown := h.asked(rita(), "qwen-4b")
	_, err := h.Approve(t.Context(), alice(), grown.ID, request.Approval{Until: began.Add(80 * time.Minute)})
	require.NoError(t, err)
	h.pass(2 * time.Hour)
	open := h.asked(nora(), "qwen-4b")
	held := h.asked(rita(), "guard-nano")
	_, err = h.Approve(t.Context(), alice(), held.ID, request.Approval{})
	require.NoError(t, err)
	no := h.asked(rita(), "m-no")
	_, err = h.Decline(t.Context(), alice(), no.ID, "the smaller one does this")
	require.NoError(t, err)
	back := h.asked(rita(), "m-back")
	_, err = h.Withdraw(t.Context(), rita(), back.ID, "")
	require.NoError(t, err)

	list := func(p access.Principal, f request.Filter) (ids []string) {
		for {
			page, err := h.List(t.Context(), p, f)
			require.NoError(t, err)
			for _, r := range page.Items {
				ids = append(ids, r.ID)
				require.True(t, f.Status == "" || r.Status == f.Status, "%s among %s", r.Status, f.Status)
			}
			if f.Cursor = page.NextCursor; f.Cursor == "" {
				return ids
			}
		}
	}
	everything := []string{back.ID, no.ID, held.ID, open.ID, grown.ID, old.ID}
	require.Equal(t, everything, list(alice(), request.Filter{Limit: 1}))
	require.Equal(t, []string{back.ID, no.ID, held.ID, grown.ID, old.ID}, list(rita(), request.Filter{Limit: 2}))
	require.Empty(t, list(alice(), request.Filter{Mine: true}))
	require.Empty(t, list(access.System("root"), request.Filter{Mine: true}))
	for status, want := range map[request.Status][]string{
		request.Open: {open.ID, old.ID}, request.Approved: {held.ID}, request.Declined: {no.ID}, request.Withdrawn: {back.ID},
		request.Expired: {grown.ID},
	} {
		require.Equal(t, want, list(alice(), request.Filter{Status: status}), status)
	}
	w, err := h.Waiting(t.Context())
	require.NoError(t, err)
	require.Equal(t, request.Waiting{Count: 2, Since: began}, w)

	h.exec(`UPDATE users SET status = 'deleted' WHERE id = 'usr_nora'`)
	require.Equal(t, []string{old.ID}, list(alice(), request.Filter{Status: request.Open}), "who is gone asks for nothing")
	require.Equal(t, []string{back.ID, open.ID}, list(alice(), request.Filter{Status: request.Withdrawn}))
	w, err = h.Waiting(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, w.Count)

	for _, cursor := range []string{"x", "arq_x", back.ID + "0", "usr_01JD"} {
		_, err := h.List(t.Context(), alice(), request.Filter{Cursor: cursor})
		refused(t, err, fault.Invalid, "cursor")
	}
	_, err = h.List(t.Context(), alice(), request.Filter{Limit: 201})
	refused(t, err, fault.Invalid, "limit")
}
