package access_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/limit"
)

// TestAStreamHasTwoRows: the pass is good between them, and the second is no use of its own.
func TestAStreamHasTwoRows(t *testing.T) {
	g := newGate(t, "")
	o := inferNano
	o.Content = [][]byte{[]byte("what was asked")}
	pass, err := g.guard.Enter(t.Context(), user("reviewer"), o)
	require.NoError(t, err)
	opened, err := pass.Open(t.Context(), access.Outcome{Resource: "chat:1", Details: map[string]any{"change": "begin"}})
	require.NoError(t, err)
	require.NoError(t, pass.Valid(), "the use goes on")
	_, err = pass.Commit(t.Context(), access.Outcome{}, nil)
	require.Equal(t, fault.Internal, fault.CodeOf(err), "it has its row")
	_, err = pass.Open(t.Context(), access.Outcome{})
	require.Equal(t, fault.Internal, fault.CodeOf(err), "once")
	closed, err := pass.End(access.Outcome{Resource: "chat:1", Details: map[string]any{"change": "end"}, Content: [][]byte{[]byte("what was answered")}}, nil)
	require.NoError(t, err)
	require.Error(t, pass.Valid())
	_, err = pass.End(access.Outcome{}, nil)
	require.Error(t, err, "once")
	pass.Close(&err)
	rows := g.events(t)
	require.Equal(t, []audit.Event{opened, closed}, rows)
	require.Equal(t, []string{"infer", ""}, []string{rows[0].Operation, rows[1].Operation}, "one use")
	require.Equal(t, []string{"guard-nano", "guard-nano"}, []string{rows[0].Model, rows[1].Model})
	require.NotEmpty(t, rows[0].ContentHash)
	require.NotEmpty(t, rows[1].ContentHash)
	g.verify(t)
}

// TestAStreamGoesOnWhileItsRowIsWritten: a model asks for its next turn while the disk is slow. A row that ends the use ends it at once.
func TestAStreamGoesOnWhileItsRowIsWritten(t *testing.T) {
	g := newGate(t, "")
	during := func(write func(*access.Pass, access.Outcome) error) (valid error) {
		pass, asked := g.enter(t), false
		require.NoError(t, write(pass, access.Outcome{Check: func(*db.Tx) (map[string]any, error) {
			valid, asked = pass.Valid(), true
			return nil, nil
		}}))
		require.True(t, asked)
		return valid
	}
	require.NoError(t, during(func(p *access.Pass, o access.Outcome) error { _, err := p.Open(t.Context(), o); return err }))
	require.Error(t, during(func(p *access.Pass, o access.Outcome) error { _, err := p.Commit(t.Context(), o, nil); return err }))
}

// TestAStreamThatIsCutBeforeItsFirstRow: the row does not blame the caller for what the server did.
func TestAStreamThatIsCutBeforeItsFirstRow(t *testing.T) {
	for want, why := range map[string]error{
		"failed unauthenticated": fault.New(fault.Unauthenticated, "over"), "failed timeout": fault.New(fault.Timeout, "late"), "canceled canceled": nil,
	} {
		g := newGate(t, "")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		_, err := g.enter(t).Open(ctx, access.Outcome{})
		rows := g.events(t)
		require.Len(t, rows, 1)
		require.Equal(t, want, fmt.Sprint(rows[0].Reason, " ", rows[0].Details["code"]))
		require.Equal(t, rows[0].Details["code"], string(fault.CodeOf(err)))
	}
}

// TestAStreamThatIsNotEnded: whatever ended it, its closing row says so.
func TestAStreamThatIsNotEnded(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		reason string
	}{"left": {context.Canceled, "canceled"}, "broken": {errors.New("x"), "failed"}, "forgotten": {nil, "failed"}} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, "")
			pass := g.enter(t)
			_, err := pass.Open(t.Context(), access.Outcome{Resource: "chat:1"})
			require.NoError(t, err)
			err = c.err
			pass.Close(&err)
			pass.Close(&err)
			require.Error(t, err)
			rows := g.events(t)
			require.Len(t, rows, 2)
			require.Equal(t, []string{audit.Error, c.reason, ""}, []string{rows[1].Decision, rows[1].Reason, rows[1].Operation})
			require.Error(t, pass.Valid())
		})
	}
}

func TestAStreamThatNobodyWaitedForIsOver(t *testing.T) {
	g := newGate(t, "")
	pass := g.enter(t)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	_, err := pass.Open(ctx, access.Outcome{})
	require.Equal(t, fault.Canceled, fault.CodeOf(err))
	require.Error(t, pass.Valid())
	pass.Close(&err)
	require.Equal(t, "canceled", g.only(t).Reason)
}

// TestAStreamIsChargedWhatItCameTo: quotas hold what was reserved while it runs, and count what was used when it ends.
func TestAStreamIsChargedWhatItCameTo(t *testing.T) {
	g := newGate(t, "")
	o := inferNano
	o.Cost = access.Cost{Tokens: 100}
	p := user("reviewer")
	used := func() (used, held int64) {
		for _, u := range g.guard.Usage(limit.ByPerson, p.Account()) {
			if u.Unit == limit.Tokens && u.Span == limit.Day {
				return u.Used, u.Held
			}
		}
		return 0, 0
	}
	for name, end := range map[string]func(pass *access.Pass) error{
		"ended":  func(pass *access.Pass) error { _, err := pass.End(access.Outcome{}, nil); return err },
		"closed": func(pass *access.Pass) error { err := context.Canceled; pass.Close(&err); return nil },
	} {
		before, _ := used()
		pass, err := g.guard.Enter(t.Context(), p, o)
		require.NoError(t, err, name)
		_, err = pass.Open(t.Context(), access.Outcome{})
		require.NoError(t, err, name)
		pass.Used(access.Cost{Tokens: 7})
		now, held := used()
		require.Equal(t, []int64{before, 100}, []int64{now, held}, name)
		require.NoError(t, end(pass), name)
		now, held = used()
		require.Equal(t, []int64{before + 7, 0}, []int64{now, held}, name)
	}
}
