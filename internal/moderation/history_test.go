package moderation_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
)

func (r *rig) makeDefault(t testing.TB, id string) {
	t.Helper()
	require.NoError(t, r.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE models SET is_default = 0")
		if err == nil {
			_, err = tx.Exec("UPDATE models SET is_default = 1 WHERE id = ?", id)
		}
		return err
	}))
	_, err := r.cat.Refresh(t.Context())
	require.NoError(t, err)
}

// past is a rig with verdicts of two people and of a key.
func past(t *testing.T) (r *rig, byRita, byTom []moderation.Verdict) {
	t.Helper()
	r = newRig(t)
	run := func(p access.Principal, say string) moderation.Verdict {
		vs, err := r.svc.Evaluate(t.Context(), p, ask(text(say)))
		require.NoError(t, err)
		return vs[0]
	}
	tom := person("tom", "reviewer")
	key := rita()
	key.Kind, key.KeyID = access.KindKey, "key_1"
	byRita = append(byRita, run(rita(), "bread"), run(rita(), "a bomb"))
	byTom = append(byTom, run(tom, "a lie"))
	byRita = append(byRita, run(key, "butter"))
	return r, byRita, byTom
}

func idsOf(p moderation.HistoryPage) []string {
	out := []string{}
	for _, row := range p.Items {
		out = append(out, row.ID)
	}
	return out
}

func TestHistoryIsOnesOwnUnlessAllMayBeRead(t *testing.T) {
	r, byRita, byTom := past(t)
	own := []string{byRita[2].ID, byRita[1].ID, byRita[0].ID}
	page, err := r.svc.History(t.Context(), rita(), moderation.HistoryFilter{})
	require.NoError(t, err)
	require.Equal(t, own, idsOf(page), "a key's rows are its owner's")
	require.Equal(t, "key", page.Items[0].Actor.Type)

	key := rita()
	key.Kind, key.KeyID = access.KindKey, "key_2"
	page, err = r.svc.History(t.Context(), key, moderation.HistoryFilter{Scope: "own"})
	require.NoError(t, err)
	require.Equal(t, own, idsOf(page))

	// A key that is narrowed to models reads of no other, and never of anybody else's.
	for scope, want := range map[string][]string{"guard-*": own, "other": {}, "guard-nan?": {}, "[g]uard-nano": {}} {
		key.KeyModels = []string{"nothing", scope}
		page, err = r.svc.History(t.Context(), key, moderation.HistoryFilter{})
		require.NoError(t, err)
		require.Equal(t, want, idsOf(page), scope)
	}

	_, err = r.svc.History(t.Context(), rita(), moderation.HistoryFilter{Scope: "all"})
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	_, err = r.svc.History(t.Context(), person("gus", "guest"), moderation.HistoryFilter{})
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	_, err = r.svc.History(t.Context(), access.Anonymous(access.Origin{}), moderation.HistoryFilter{})
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))

	admin := person("ada", "admin")
	for _, scope := range []string{"", "all"} {
		page, err = r.svc.History(t.Context(), admin, moderation.HistoryFilter{Scope: scope})
		require.NoError(t, err)
		require.Equal(t, []string{byRita[2].ID, byTom[0].ID, byRita[1].ID, byRita[0].ID}, idsOf(page))
	}
	page, err = r.svc.History(t.Context(), admin, moderation.HistoryFilter{Scope: "own"})
	require.NoError(t, err)
	require.Empty(t, page.Items)
	require.Len(t, r.rows(t), 5, "four verdicts and the refusal: reading lists leaves no row")
}

// threat Z3
func TestAnothersVerdictIsAsUnknownAsNone(t *testing.T) {
	r, byRita, byTom := past(t)
	got, err := r.svc.Get(t.Context(), rita(), byRita[1].ID)
	require.NoError(t, err)
	require.Equal(t, byRita[1], got.Verdict, "the row is the verdict as it was answered")
	_, foreign := r.svc.Get(t.Context(), rita(), byTom[0].ID)
	_, unknown := r.svc.Get(t.Context(), rita(), "mod_00000000000000000000000000")
	_, nonsense := r.svc.Get(t.Context(), rita(), "' OR 1=1 --")
	require.Equal(t, fault.NotFound, fault.CodeOf(foreign))
	require.Equal(t, unknown, foreign)
	require.Equal(t, unknown, nonsense)
	_, empty := r.svc.Get(t.Context(), rita(), "")
	require.Equal(t, unknown, empty)
	_, err = r.svc.Get(t.Context(), person("ada", "admin"), byTom[0].ID)
	require.NoError(t, err)
}

func TestHistoryFilters(t *testing.T) {
	r, byRita, _ := past(t)
	yes, no := true, false
	now := time.Now()
	cases := map[string]struct {
		f    moderation.HistoryFilter
		want []string
	}{
		"severity":       {moderation.HistoryFilter{Severity: "Unsafe"}, []string{byRita[1].ID}},
		"action":         {moderation.HistoryFilter{Action: "block"}, []string{byRita[1].ID}},
		"flagged":        {moderation.HistoryFilter{Flagged: &yes}, []string{byRita[1].ID}},
		"not flagged":    {moderation.HistoryFilter{Flagged: &no}, []string{byRita[2].ID, byRita[0].ID}},
		"model":          {moderation.HistoryFilter{Model: "guard-nano"}, []string{byRita[2].ID, byRita[1].ID, byRita[0].ID}},
		"other model":    {moderation.HistoryFilter{Model: "other"}, []string{}},
		"request":        {moderation.HistoryFilter{RequestID: "req_rita"}, []string{byRita[2].ID, byRita[1].ID, byRita[0].ID}},
		"other request":  {moderation.HistoryFilter{RequestID: "req_tom"}, []string{}},
		"from":           {moderation.HistoryFilter{From: now.Add(-time.Hour)}, []string{byRita[2].ID, byRita[1].ID, byRita[0].ID}},
		"from, later":    {moderation.HistoryFilter{From: now.Add(time.Hour)}, []string{}},
		"to":             {moderation.HistoryFilter{To: now.Add(-time.Hour)}, []string{}},
		"from inclusive": {moderation.HistoryFilter{From: byRita[1].CreatedAt, To: byRita[1].CreatedAt.Add(time.Millisecond), Severity: "Unsafe"}, []string{byRita[1].ID}},
		"to exclusive":   {moderation.HistoryFilter{To: byRita[0].CreatedAt}, []string{}},
		"no injection":   {moderation.HistoryFilter{Model: "' OR '1'='1"}, []string{}},
	}
	for name, c := range cases {
		page, err := r.svc.History(t.Context(), rita(), c.f)
		require.NoError(t, err, name)
		require.Equal(t, c.want, idsOf(page), name)
	}
	for name, f := range map[string]moderation.HistoryFilter{
		"severity": {Severity: "unsafe"}, "action": {Action: "deny"}, "scope": {Scope: "mine"}, "limit": {Limit: 201}, "negative": {Limit: -1},
	} {
		_, err := r.svc.History(t.Context(), rita(), f)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
	}
}

func TestHistoryPages(t *testing.T) {
	r := newRig(t)
	var want []string
	for i := range 7 {
		vs, err := r.svc.Evaluate(t.Context(), rita(), ask(text(fmt.Sprint("bread ", i))))
		require.NoError(t, err)
		want = append([]string{vs[0].ID}, want...)
	}
	var got []string
	cursor, pages := "", 0
	for {
		page, err := r.svc.History(t.Context(), rita(), moderation.HistoryFilter{Limit: 3, Cursor: cursor})
		require.NoError(t, err)
		got = append(got, idsOf(page)...)
		pages++
		if cursor = page.NextCursor; cursor == "" {
			break
		}
		// Another person's cursor opens nothing of ours.
		other, err := r.svc.History(t.Context(), person("tom", "reviewer"), moderation.HistoryFilter{Cursor: cursor})
		require.NoError(t, err)
		require.Empty(t, other.Items)
	}
	require.Equal(t, want, got)
	require.Equal(t, 3, pages)
	first, err := r.svc.History(t.Context(), rita(), moderation.HistoryFilter{Limit: 3})
	require.NoError(t, err)
	_, err = r.svc.History(t.Context(), rita(), moderation.HistoryFilter{Cursor: first.NextCursor[:4] + "\n" + first.NextCursor[4:]})
	require.Equal(t, fault.Invalid, fault.CodeOf(err), "one spelling")
	for _, bad := range []string{"x", "%%%", want[0], base64.RawURLEncoding.EncodeToString([]byte("h1:mod_' OR 1=1 --"))} {
		_, err := r.svc.History(t.Context(), rita(), moderation.HistoryFilter{Cursor: bad})
		require.Equal(t, fault.Invalid, fault.CodeOf(err), bad)
	}
}

func TestAHistoryRowHasThePublishedShape(t *testing.T) {
	r, byRita, _ := past(t)
	row, err := r.svc.Get(t.Context(), rita(), byRita[1].ID)
	require.NoError(t, err)
	data, err := json.Marshal(row)
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(data, &m))
	for _, key := range []string{
		"id", "request_id", "created_at", "actor", "model", "severity", "categories", "refusal", "flagged", "action", "cached",
		"scores", "policy", "audit_seq", "audit_id", "audit_hash", "timings", "deciding_window",
	} {
		require.Contains(t, m, key)
	}
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, m["created_at"])
	require.Equal(t, map[string]any{"type": "user", "id": "usr_rita", "name": "rita"}, m["actor"])
	require.Equal(t, byRita[1].AuditHash, m["audit_hash"])
	ev, err := r.log.Get(t.Context(), row.AuditID)
	require.NoError(t, err)
	require.Equal(t, row.AuditSeq, ev.Seq)
}
