package hygiene_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/hygiene"
	"guardhouse/internal/rule"
)

type house struct {
	t       testing.TB
	db      *db.DB
	guard   *access.Guard
	log     *audit.Log
	clock   *time.Time
	revoked []string
	*hygiene.Service
}

// names shows usr_ana as ana. Those who are deleted have none.
type names struct{}

func (names) Shown(_ context.Context, stored []rule.Principal) (map[rule.Principal]rule.Principal, error) {
	out := map[rule.Principal]rule.Principal{}
	for _, p := range stored {
		if name, ok := strings.CutPrefix(p.Ref, "usr_"); ok && name != "zoe" {
			out[p] = rule.Principal{Kind: p.Kind, Ref: name}
		}
	}
	return out, nil
}

func noon() time.Time { return time.Date(2026, 11, 16, 12, 0, 0, 0, time.UTC) }

func newHouse(t testing.TB, byDefault string) *house {
	t.Helper()
	at := noon()
	h := &house{t: t, clock: &at}
	now := func() time.Time { return *h.clock }
	h.db = apptest.OpenDBAt(t, apptest.DBPath(t), now)
	h.log = audit.New(h.db, []byte("a key of tests, thirty-two bytes"))
	h.exec(`DELETE FROM acl_rules`)
	for _, who := range []string{"ana", "bo", "cy", "zoe"} {
		h.exec(`INSERT INTO users (id, kind, username, username_key, role, status, created_at, updated_at)
			VALUES ('usr_` + who + `', 'person', '` + who + `', '` + who + `', 'reviewer', 'active', 0, 0)`)
	}
	h.exec(`UPDATE users SET role = 'admin' WHERE id = 'usr_cy'`)
	for _, key := range []string{"key_1", "key_2"} {
		h.exec(fmt.Sprintf(`INSERT INTO api_keys (id, user_id, label, prefix, secret_hash, created_by, created_at)
			VALUES ('%[1]s', 'usr_ana', 'of %[1]s', '%[1]s', 'x', 'x', %[2]d)`, key, noon().UnixMilli()))
	}
	var err error
	h.guard, err = access.New(t.Context(), h.db, h.log, access.Options{Now: now, Default: byDefault})
	require.NoError(t, err)
	h.Service = hygiene.New(hygiene.Deps{
		DB: h.db, Guard: h.guard, Log: h.log, Names: names{}, Now: now,
		Models: func(context.Context) ([]catalog.Model, error) { return []catalog.Model{{ID: "m"}, {ID: "n"}}, nil },
		Revoke: func(_ context.Context, _ access.Principal, id string) error {
			h.revoked = append(h.revoked, id)
			return nil
		},
	})
	return h
}

func (h *house) exec(query string) {
	h.t.Helper()
	require.NoError(h.t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(query)
		return err
	}), query)
}

func cy() access.Principal {
	return access.Principal{Kind: access.KindUser, UserID: "usr_cy", Name: "cy", Role: "admin"}
}

// parse reads rules in the short form of tests: id effect principals models operations [conditions], one a line.
func parse(t testing.TB, text string) []rule.Rule {
	t.Helper()
	var out []rule.Rule
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		effect, mode, _ := strings.Cut(w[1], "/")
		r := map[string]any{
			"id": w[0], "effect": effect, "principals": strings.Split(w[2], ","), "models": strings.Split(w[3], ","), "operations": strings.Split(w[4], ","),
		}
		if mode != "" {
			r["mode"] = "report-only"
		}
		if len(w) > 5 {
			r["conditions"] = json.RawMessage(strings.Join(w[5:], " "))
		}
		text, err := json.Marshal(r)
		require.NoError(t, err, line)
		parsed, err := rule.ParseJSON(text)
		require.NoError(t, err, line)
		out = append(out, parsed)
	}
	return out
}

func (h *house) enforce(text string) {
	h.t.Helper()
	pass, err := h.guard.Enter(h.t.Context(), access.System("tester"), access.Op{Action: access.ACLManage})
	require.NoError(h.t, err)
	_, err = h.guard.PutRules(h.t.Context(), pass, 0, func([]rule.Rule) ([]rule.Rule, error) { return parse(h.t, text), nil })
	require.NoError(h.t, err)
}

func (h *house) look() hygiene.Report {
	h.t.Helper()
	r, err := h.Look(h.t.Context(), cy(), 0)
	require.NoError(h.t, err)
	return r
}

// found lists the findings, each with what it proposes.
func (h *house) found() []string {
	h.t.Helper()
	out := []string{}
	for _, f := range h.look().Items {
		text := f.ID
		if f.OtherRuleID != "" {
			text += " by " + f.OtherRuleID
		}
		if f.Proposal != nil {
			text += " -> " + f.Proposal.Kind
		}
		out = append(out, text)
	}
	return out
}

func (h *house) ids() []string {
	out := []string{}
	for _, r := range h.guard.Rules() {
		out = append(out, r.ID)
	}
	return out
}
