package rehearsal_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rehearsal"
	"guardhouse/internal/rule"
)

// house is a real gate and log over a database with people, groups and keys, and a clock that stands still.
type house struct {
	t     testing.TB
	db    *db.DB
	guard *access.Guard
	log   *audit.Log
	clock *time.Time
	*rehearsal.Service
}

// shelf are the models that there are, by id. Those whose ids begin with small-talk chat, the others are guards.
type shelf []string

func model(id string) catalog.Model {
	if strings.HasPrefix(id, "small-talk") {
		return catalog.Model{ID: id, Kind: catalog.KindChat}
	}
	return catalog.Model{ID: id, Kind: catalog.KindGuard}
}

func (s shelf) All(context.Context) ([]catalog.Model, error) {
	var out []catalog.Model
	for _, id := range s {
		out = append(out, model(id))
	}
	return out, nil
}

func (s shelf) Resolve(_ context.Context, name string) (catalog.Model, error) {
	for _, id := range s {
		if id == name || name == "alias-of-"+id {
			return model(id), nil
		}
	}
	return catalog.Model{}, fault.New(fault.NotFound, "There is no such model.")
}

// register knows everybody's id by his name: usr_ana is ana, group_ward is ward.
type register struct{}

func (register) IDs(_ context.Context, named []rule.Principal) (map[rule.Principal]rule.Principal, error) {
	out := map[rule.Principal]rule.Principal{}
	for _, p := range named {
		prefix := map[string]string{rule.KindUser: "usr_", rule.KindGroup: "group_"}[p.Kind]
		for _, known := range []string{"ana", "bo", "cy", "ward", "key_ana", "key_bo", "reviewer", "nurse", "admin"} {
			if p.Ref == known {
				out[p] = rule.Principal{Kind: p.Kind, Ref: prefix + p.Ref}
			}
		}
	}
	return out, nil
}

// noon is a Monday's.
func noon() time.Time { return time.Date(2026, 11, 16, 12, 0, 0, 0, time.UTC) }

func newHouse(t testing.TB) *house {
	t.Helper()
	at := noon()
	h := &house{t: t, clock: &at}
	now := func() time.Time { return *h.clock }
	h.db = apptest.OpenDBAt(t, apptest.DBPath(t), now)
	h.log = audit.New(h.db, []byte("a key of tests, thirty-two bytes"))
	require.NoError(t, h.db.Write(func(tx *db.Tx) error {
		for _, s := range furniture() {
			if _, err := tx.Exec(s); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
		return nil
	}))
	var err error
	h.guard, err = access.New(t.Context(), h.db, h.log, access.Options{Now: now})
	require.NoError(t, err)
	h.Service = rehearsal.New(rehearsal.Deps{Guard: h.guard, Log: h.log, Models: shelf{"m", "n", "guard-nano", "small-talk"}, Names: register{}, Now: now})
	return h
}

// furniture makes ana and bo, who are reviewers, cy the admin, the group ward with ana in it, and a key of ana's and of bo's.
func furniture() []string {
	var out []string
	for name, role := range map[string]string{"ana": "reviewer", "bo": "reviewer", "cy": "admin"} {
		out = append(out, fmt.Sprintf(`INSERT INTO users (id, kind, username, username_key, role, status, created_at, updated_at)
			VALUES ('usr_%[1]s', 'person', '%[1]s', '%[1]s', '%[2]s', 'active', 0, 0)`, name, role))
	}
	return append(out,
		`DELETE FROM acl_rules`,
		`INSERT INTO groups (id, name, name_key, created_at) VALUES ('group_ward', 'ward', 'ward', 0)`,
		`INSERT INTO group_members (group_id, user_id, added_at) VALUES ('group_ward', 'usr_ana', 0)`,
		`INSERT INTO api_keys (id, user_id, label, prefix, secret_hash, created_by, created_at) VALUES ('key_ana', 'usr_ana', 'x', 'x', 'x', 'x', 0)`,
		`INSERT INTO api_keys (id, user_id, label, prefix, secret_hash, models, operations, created_by, created_at)
			VALUES ('key_bo', 'usr_bo', 'x', 'y', 'y', '["m"]', '["infer"]', 'x', 0)`,
	)
}

func person(name string) access.Principal {
	p := access.Principal{Kind: access.KindUser, UserID: "usr_" + name, Name: name, Role: "reviewer"}
	if name == "cy" {
		p.Role = "admin"
	}
	return p
}

func key(owner string) access.Principal {
	p := person(owner)
	p.Kind, p.KeyID = access.KindKey, "key_"+owner
	if owner == "bo" {
		p.KeyModels, p.KeyOperations = []string{"m"}, []string{"infer"}
	}
	return p
}

// parse reads rules in the short form of tests: id effect principals models operations [conditions], one a line.
func parse(t testing.TB, text string) []rule.Rule {
	t.Helper()
	list, err := rule.ParseList([]byte(written(text)), "rules")
	require.NoError(t, err, text)
	return list
}

// written is the JSON of rules in the short form.
func written(text string) string {
	var out []string
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		w := strings.Fields(strings.TrimSpace(line))
		if len(w) == 0 {
			continue
		}
		list := func(s string) string { return `["` + strings.ReplaceAll(s, ",", `","`) + `"]` }
		effect, mode, _ := strings.Cut(w[1], "/")
		r := fmt.Sprintf(`{"id":"%s","effect":"%s","principals":%s,"models":%s,"operations":%s`, w[0], effect, list(w[2]), list(w[3]), list(w[4]))
		if mode != "" {
			r += `,"mode":"report-only"`
		}
		if len(w) > 5 {
			r += `,"conditions":` + strings.Join(w[5:], " ")
		}
		out = append(out, r+"}")
	}
	return "[" + strings.Join(out, ",") + "]"
}

// enforce puts rules in force, principals by id.
func (h *house) enforce(text string) {
	h.t.Helper()
	pass, err := h.guard.Enter(h.t.Context(), access.System("tester"), access.Op{Action: access.ACLManage})
	require.NoError(h.t, err)
	_, err = h.guard.PutRules(h.t.Context(), pass, 0, func([]rule.Rule) ([]rule.Rule, error) { return parse(h.t, text), nil })
	require.NoError(h.t, err)
}

// try is one attempt at a model.
type try struct {
	who     access.Principal
	op      access.Operation
	model   string
	ip      string
	purpose string
	items   int
}

// use attempts it and leaves its row.
func (h *house) use(u try) {
	h.t.Helper()
	p := u.who
	p.Origin = access.Origin{Purpose: u.purpose, RequestID: "req_1"}
	if u.ip != "" {
		p.Origin.IP = netip.MustParseAddr(u.ip)
	}
	action := access.ModerationRun
	if u.op == access.View {
		action = access.ModelView
	}
	pass, err := h.guard.Enter(h.t.Context(), p, access.Op{Action: action, Operation: u.op, Model: u.model, Items: u.items})
	if err != nil {
		return
	}
	_, err = pass.Commit(h.t.Context(), access.Outcome{}, nil)
	require.NoError(h.t, err)
}

func (h *house) pass(d time.Duration) { *h.clock = h.clock.Add(d) }

// uses are the rows of uses, oldest first.
func (h *house) uses() []audit.Use {
	h.t.Helper()
	var out []audit.Use
	_, err := h.log.EachUse(h.t.Context(), noon().Add(-time.Hour), h.clock.Add(time.Hour), 10_000, func(u audit.Use) error {
		out = append(out, u)
		return nil
	})
	require.NoError(h.t, err)
	return out
}
