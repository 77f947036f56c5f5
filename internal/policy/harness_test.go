package policy_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/policy"
	"guardhouse/internal/rule"
)

// house is a service over a database of its own, with two models and some people.
type house struct {
	*policy.Service
	db    *db.DB
	log   *audit.Log
	guard *access.Guard
}

var cli = access.System("tester") //nolint:gochecknoglobals // a constant in all but type

func newHouse(t testing.TB) *house {
	t.Helper()
	return openHouse(t, apptest.OpenDB(t), policy.Options{})
}

func openHouse(t testing.TB, d *db.DB, o policy.Options) *house {
	t.Helper()
	log := audit.New(d, make([]byte, 32))
	guard, err := access.New(t.Context(), d, log, access.Options{})
	require.NoError(t, err)
	h := &house{db: d, log: log, guard: guard}
	h.Service = policy.New(policy.Deps{DB: d, Guard: guard, Names: policy.StoredNames{DB: d}, Model: func(_ context.Context, id string) error {
		if id != "m1" && id != "m2" {
			return fault.New(fault.NotFound, "There is no such model.")
		}
		return nil
	}}, o)
	return h
}

func (h *house) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	require.NoError(t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	}))
}

// person makes a person and answers him signed in.
func (h *house) person(t testing.TB, name, role string) access.Principal {
	t.Helper()
	id := "usr_" + name
	h.exec(t, `INSERT INTO users (id, kind, username, username_key, role, status, created_at, updated_at)
		VALUES (?1, 'person', ?2, ?2, ?3, 'active', 0, 0)`, id, name, role)
	h.exec(t, `INSERT INTO sessions (id, user_id, kind, token_hash, epoch, ip, last_ip, user_agent, created_at, last_used_at, expires_at)
		VALUES (?1, ?2, 'browser', ?1, 1, '', '', '', 0, 0, ?3)`, "ses_"+name, id, time.Now().Add(time.Hour).UnixMilli())
	return access.Principal{Kind: access.KindUser, UserID: id, Name: name, Role: role, SessionID: "ses_" + name}
}

func (h *house) group(t testing.TB, name string) {
	t.Helper()
	h.exec(t, `INSERT INTO groups (id, name, name_key, created_at) VALUES (?, ?, ?, 0)`, "grp_"+name, name, name)
}

// last answers the newest row.
func (h *house) last(t testing.TB) audit.Event {
	t.Helper()
	page, err := h.log.List(t.Context(), audit.Filter{Limit: 1})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	return page.Items[0]
}

// file reads rules as they stand in a file, under `rules:`.
func file(t testing.TB, text string) rule.File {
	t.Helper()
	f, err := rule.ParseFile([]byte("version: 1\nrules:" + text))
	require.NoError(t, err)
	return f
}

// rules reads a list as a request has it.
func rules(t testing.TB, text string) []rule.Rule {
	t.Helper()
	list, err := rule.ParseList([]byte(text), "rules")
	require.NoError(t, err)
	return list
}

// whole answers the policy as a file.
func (h *house) whole(t testing.TB) string {
	t.Helper()
	w, err := h.Policy(t.Context(), cli)
	require.NoError(t, err)
	out, err := w.YAML()
	require.NoError(t, err)
	return string(out)
}

// put replaces all rules.
func (h *house) put(t testing.TB, text string) policy.Change {
	t.Helper()
	c, err := h.PutPolicy(t.Context(), cli, file(t, text), policy.Write{})
	require.NoError(t, err)
	return c
}

// may says whether somebody may use a model now.
func (h *house) may(t testing.TB, p access.Principal, model string) bool {
	t.Helper()
	pass, err := h.guard.Enter(t.Context(), p, access.Op{Action: access.ModerationRun, Operation: access.Infer, Model: model})
	if err != nil {
		require.Contains(t, []fault.Code{fault.Forbidden, fault.NotFound}, fault.CodeOf(err))
		return false
	}
	_, err = pass.Commit(t.Context(), access.Outcome{}, nil)
	require.NoError(t, err)
	return true
}

func ids(list []rule.Rule) []string {
	out := []string{}
	for i := range list {
		out = append(out, list[i].ID)
	}
	return out
}

func refused(t testing.TB, err error, code fault.Code, field string) {
	t.Helper()
	require.Equal(t, code, fault.CodeOf(err), "%v", err)
	require.Equal(t, field, fault.From(err).Field)
}
