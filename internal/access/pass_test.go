package access_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

// gate is a guard over a fresh database with the shipped policy.
type gate struct {
	db    *db.DB
	log   *audit.Log
	guard *access.Guard
}

func newGate(t testing.TB, def string) gate {
	t.Helper()
	d := apptest.OpenDB(t)
	log := audit.New(d, []byte("content key of a test"))
	g, err := access.New(t.Context(), d, log, access.Options{Default: def})
	require.NoError(t, err)
	return gate{d, log, g}
}

func user(role string) access.Principal {
	return access.Principal{Kind: access.KindUser, UserID: "usr_" + role, Name: role, Role: role, SessionID: "ses_1"}
}

var inferNano = access.Op{Action: access.ModerationRun, Operation: access.Infer, Model: "guard-nano"}

// events answers all rows, oldest first.
func (g gate) events(t testing.TB) []audit.Event {
	t.Helper()
	page, err := g.log.List(context.Background(), audit.Filter{Limit: 500})
	require.NoError(t, err)
	out := make([]audit.Event, 0, len(page.Items))
	for i := range page.Items {
		out = append(out, page.Items[len(page.Items)-1-i])
	}
	return out
}

func (g gate) verify(t testing.TB) {
	t.Helper()
	r, err := g.log.Verify(context.Background())
	require.NoError(t, err)
	require.Truef(t, r.OK(), "%s at %d: %s", r.Finding, r.At, r.Detail)
}

func TestPassLeavesExactlyOneRow(t *testing.T) {
	g := newGate(t, "")
	pass, err := g.guard.Enter(t.Context(), user("reviewer"), inferNano)
	require.NoError(t, err)
	require.NoError(t, pass.Valid())
	ev, err := pass.Commit(t.Context(), access.Outcome{Details: map[string]any{"items": 2}}, nil)
	require.NoError(t, err)
	require.Error(t, pass.Valid())
	_, err = pass.Commit(t.Context(), access.Outcome{}, nil)
	require.Error(t, err)
	pass.Close(&err)
	rows := g.events(t)
	require.Len(t, rows, 1)
	require.Equal(t, ev.Hash, rows[0].Hash)
	require.Equal(t, "shipped-guard-nano", rows[0].RuleID)
	g.verify(t)
}
