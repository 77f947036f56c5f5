package access_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// gate is a guard over a fresh database with the shipped policy.
type gate struct {
	db    *db.DB
	log   *audit.Log
	guard *access.Guard
}

func newGate(t testing.TB, def string) gate {
	t.Helper()
	return gateOver(t, apptest.OpenDB(t), access.Options{Default: def})
}

func gateOver(t testing.TB, d *db.DB, o access.Options) gate {
	t.Helper()
	log := audit.New(d, []byte("content key of a test"))
	g, err := access.New(t.Context(), d, log, o)
	require.NoError(t, err)
	return gate{d, log, g}
}

func user(role string) access.Principal {
	return access.Principal{
		Kind: access.KindUser, UserID: "usr_" + role, Name: role, Role: role, SessionID: "ses_1",
		Origin: access.Origin{IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "a test", RequestID: "req_1", Purpose: "care"},
	}
}

var inferNano = access.Op{ //nolint:gochecknoglobals // a constant in all but type
	Action: access.ModerationRun, Operation: access.Infer, Model: "guard-nano",
}

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

// only answers the one row there is.
func (g gate) only(t testing.TB) audit.Event {
	t.Helper()
	rows := g.events(t)
	require.Len(t, rows, 1)
	return rows[0]
}

func (g gate) enter(t testing.TB) *access.Pass {
	t.Helper()
	pass, err := g.guard.Enter(t.Context(), user("reviewer"), inferNano)
	require.NoError(t, err)
	return pass
}

func put(key string) func(*db.Tx, audit.Event) error {
	return func(tx *db.Tx, _ audit.Event) error {
		_, err := tx.Exec("INSERT INTO meta (key, value) VALUES (?, '')", key)
		return err
	}
}

func (g gate) count(t testing.TB, query string) int {
	t.Helper()
	var n int
	require.NoError(t, g.db.ReadSQL().QueryRowContext(context.Background(), query).Scan(&n))
	return n
}

func TestCommitKeepsRowAndRecordTogether(t *testing.T) {
	g := newGate(t, "")
	o := inferNano
	o.Items, o.Content = 2, [][]byte{[]byte("text")}
	pass, err := g.guard.Enter(t.Context(), user("reviewer"), o)
	require.NoError(t, err)
	require.NoError(t, pass.Valid())
	var inside audit.Event
	ev, err := pass.Commit(t.Context(), access.Outcome{
		Resource: "mod_1", ModelSHA256: "abc", Details: map[string]any{"flagged": true},
	}, func(tx *db.Tx, ev audit.Event) error {
		inside = ev
		return put("row")(tx, ev)
	})
	require.NoError(t, err)
	require.Equal(t, inside, ev)
	row := g.only(t)
	require.Equal(t, ev, row)
	require.Equal(t, audit.Actor{Type: "user", ID: "usr_reviewer", Name: "reviewer"}, row.Actor)
	require.Equal(t, []string{"reviewer"}, row.Roles)
	require.Equal(t, "192.0.2.7", row.IP)
	require.Equal(t, "a test", row.UserAgent)
	require.Equal(t, "req_1", row.RequestID)
	require.Equal(t, "care", row.Purpose)
	require.Equal(t, "moderation.run", row.Action)
	require.Equal(t, "infer", row.Operation)
	require.Equal(t, "guard-nano", row.Model)
	require.Equal(t, "abc", row.ModelSHA256)
	require.Equal(t, "mod_1", row.Resource)
	require.Equal(t, audit.Allow, row.Decision)
	require.Equal(t, "shipped-guard-nano", row.RuleID)
	require.EqualValues(t, 1, row.PolicyVersion)
	require.Len(t, row.ContentHash, 64)
	require.Len(t, row.Details, 2)
	require.Equal(t, 1, g.count(t, "SELECT count(*) FROM meta"))

	require.Error(t, pass.Valid(), "a pass is used once")
	_, err = pass.Commit(t.Context(), access.Outcome{}, put("again"))
	require.Equal(t, fault.Internal, fault.CodeOf(err))
	pass.Close(&err)
	require.Equal(t, 1, g.count(t, "SELECT count(*) FROM meta"))
	g.only(t)
	g.verify(t)
}

func TestPassesThatNobodyMade(t *testing.T) {
	var none *access.Pass
	for name, p := range map[string]*access.Pass{"nil": none, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, fault.Internal, fault.CodeOf(p.Valid()))
			_, err := p.Commit(t.Context(), access.Outcome{}, nil)
			require.Error(t, err)
			p.Close(&err)
			p.Close(nil)
		})
	}
}

func TestClosedWithoutCommit(t *testing.T) {
	cases := map[string]struct {
		err    error
		reason string
		code   fault.Code // what the caller answers
	}{
		"failed":   {fault.New(fault.Busy, "the queue is full"), "failed", fault.Busy},
		"canceled": {context.Canceled, "canceled", fault.Canceled},
		"timeout":  {context.DeadlineExceeded, "failed", fault.Timeout},
		"unknown":  {errors.New("a secret cause"), "failed", fault.Internal},
		"nothing":  {nil, "failed", fault.Internal},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, "")
			pass := g.enter(t)
			err := c.err
			pass.Close(&err)
			pass.Close(&err)
			require.Equal(t, c.code, fault.CodeOf(err), "an answer without its record never leaves")
			row := g.only(t)
			require.Equal(t, audit.Error, row.Decision)
			require.Equal(t, c.reason, row.Reason)
			require.NotContains(t, string(audit.Canonical(row)), "secret")
			require.Error(t, pass.Valid())
			_, err = pass.Commit(t.Context(), access.Outcome{}, nil)
			require.Error(t, err)
			g.only(t)
		})
	}
}

func TestARecordThatCannotBeKeptLeavesAFailedRow(t *testing.T) {
	g := newGate(t, "")
	pass := g.enter(t)
	_, err := pass.Commit(t.Context(), access.Outcome{}, func(tx *db.Tx, ev audit.Event) error {
		return errors.Join(put("twice")(tx, ev), put("twice")(tx, ev))
	})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	require.Empty(t, g.events(t))
	_, again := pass.Commit(t.Context(), access.Outcome{}, nil)
	require.Error(t, again, "one commit per pass, failed or not")
	pass.Close(&err)
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	row := g.only(t)
	require.Equal(t, "failed", row.Reason)
	require.Equal(t, "conflict", row.Details["code"])
	require.Zero(t, g.count(t, "SELECT count(*) FROM meta"))
	g.verify(t)
}

func TestACallerWhoLeftIsCommittedAsCanceled(t *testing.T) {
	g := newGate(t, "")
	pass := g.enter(t)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	_, err := pass.Commit(ctx, access.Outcome{}, func(*db.Tx, audit.Event) error {
		t.Error("ran for nobody")
		return nil
	})
	require.Equal(t, fault.Canceled, fault.CodeOf(err))
	pass.Close(&err)
	row := g.only(t)
	require.Equal(t, audit.Error, row.Decision)
	require.Equal(t, "canceled", row.Reason)
	g.verify(t)
}

// TestACallerWhoseTimeIsOverDidNotLeave: the row says failed and timeout, as it does where the use itself ran out of time.
func TestACallerWhoseTimeIsOverDidNotLeave(t *testing.T) {
	g := newGate(t, "")
	pass := g.enter(t)
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, err := pass.Commit(ctx, access.Outcome{}, func(*db.Tx, audit.Event) error { t.Error("ran"); return nil })
	require.Equal(t, fault.Timeout, fault.CodeOf(err))
	row := g.only(t)
	require.Equal(t, []string{"error", "failed"}, []string{row.Decision, row.Reason})
	require.Equal(t, "timeout", row.Details["code"])
}

func TestOneCanceledMemberOfAGroupHarmsNoOther(t *testing.T) {
	g := newGate(t, "")
	const members = 32
	ctxs := make([]context.Context, members)
	passes := make([]*access.Pass, members)
	for i := range members {
		ctxs[i], passes[i] = t.Context(), g.enter(t)
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	ctxs[11] = left
	hold, held := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = g.db.Write(func(*db.Tx) error { close(held); <-hold; return nil })
	})
	<-held
	errs := make([]error, members)
	for i := range members {
		wg.Go(func() { _, errs[i] = passes[i].Commit(ctxs[i], access.Outcome{}, put(string(rune('A'+i)))) })
	}
	close(hold)
	wg.Wait()
	for i, err := range errs {
		if i == 11 {
			require.Equal(t, fault.Canceled, fault.CodeOf(err))
			continue
		}
		require.NoError(t, err, i)
	}
	require.Equal(t, members-1, g.count(t, "SELECT count(*) FROM meta"))
	require.Equal(t, members-1, g.count(t, "SELECT count(*) FROM audit_events WHERE decision = 'allow'"))
	require.Equal(t, 1, g.count(t, "SELECT count(*) FROM audit_events WHERE reason = 'canceled'"))
	g.verify(t)
}

func TestNoRowNoAnswer(t *testing.T) {
	g := newGate(t, "")
	require.NoError(t, g.db.Write(func(tx *db.Tx) error {
		return tx.QueryRow("PRAGMA max_page_count = 1").Scan(new(int)) // as full as it is now
	}))
	var err error
	for fault.CodeOf(err) == "" { // until the pages that are there are used up
		pass := g.enter(t)
		_, err = pass.Commit(t.Context(), access.Outcome{}, put(time.Now().String()))
	}
	require.Equal(t, fault.AuditUnavailable, fault.CodeOf(err))
	for err = nil; err == nil; { // refusals owe rows too
		_, err = g.guard.Enter(t.Context(), user("guest"), inferNano)
		if fault.CodeOf(err) == fault.Forbidden {
			err = nil
		}
	}
	require.Equal(t, fault.AuditUnavailable, fault.CodeOf(err))
	last := g.enter(t)
	err = errors.New("anything")
	last.Close(&err)
	require.Equal(t, fault.AuditUnavailable, fault.CodeOf(err))
	require.NoError(t, g.db.Write(func(tx *db.Tx) error {
		return tx.QueryRow("PRAGMA max_page_count = 100000").Scan(new(int))
	}))
	last.Close(&err)
	require.Equal(t, "failed", g.events(t)[len(g.events(t))-1].Reason, "the row that was owed")
	g.verify(t)
}

func TestRefusalsLeaveTheirRow(t *testing.T) {
	g := newGate(t, "")
	unknown := inferNano
	unknown.Model, unknown.Unknown = "no-such-model", true
	hidden := inferNano
	hidden.Model = "closed"
	cases := []struct {
		name   string
		p      access.Principal
		op     access.Op
		code   fault.Code
		reason string
	}{
		{"role", user("guest"), inferNano, fault.Forbidden, "role"},
		{"unknown model", user("reviewer"), unknown, fault.NotFound, "unknown_model"},
		{"unknown model, administrator", user("admin"), unknown, fault.NotFound, "unknown_model"},
		{"unknown model, command line", access.System("root"), unknown, fault.NotFound, "unknown_model"},
		{"hidden model", user("reviewer"), hidden, fault.NotFound, "not_visible"},
		{"closed model, administrator", user("admin"), hidden, fault.Forbidden, "no_rule_allows"},
		{"an operation nobody knows", user("admin"), access.Op{Action: access.ModerationRun, Operation: "delete", Model: "guard-nano"}, fault.Forbidden, "no_rule_allows"},
		{"an operation on no model", user("admin"), access.Op{Action: access.ModerationRun, Operation: access.Infer}, fault.Forbidden, "no_rule_allows"},
		{"anonymous", access.Anonymous(access.Origin{}), inferNano, fault.Forbidden, "anonymous"},
	}
	for i, c := range cases {
		_, err := g.guard.Enter(t.Context(), c.p, c.op)
		require.Equal(t, c.code, fault.CodeOf(err), c.name)
		rows := g.events(t)
		require.Len(t, rows, i+1, c.name)
		require.Equal(t, audit.Deny, rows[i].Decision)
		if c.name == "closed model, administrator" { // no rule concerns the model at all
			c.reason = "default_deny"
		}
		require.Equal(t, c.reason, rows[i].Reason, c.name)
		require.Equal(t, c.op.Model, rows[i].Model)
	}
	_, missing := g.guard.Enter(t.Context(), user("reviewer"), unknown)
	_, unseen := g.guard.Enter(t.Context(), user("reviewer"), hidden)
	require.Equal(t, fault.From(missing).Message, fault.From(unseen).Message, "the two are one answer")
	require.NoError(t, g.guard.Reject(t.Context(), user("reviewer"), access.Op{Action: access.ModerationRun}, audit.Error, "invalid"))
	rows := g.events(t)
	require.Equal(t, "invalid", rows[len(rows)-1].Reason)
	g.verify(t)
}
