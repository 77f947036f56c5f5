package inference_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// notebook is marks that note what they are told, in order.
type notebook struct {
	mu     sync.Mutex
	lines  []string
	refuse error // by Admit
	stall  error // by Begin
	crowd  int   // how often others wait
	seen   map[[32]byte]bool
}

func (n *notebook) note(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
}

func (n *notebook) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	defer func() { n.lines = nil }()
	return n.lines
}

func (n *notebook) Admit(_ context.Context, payload [32]byte, principal string) (inference.Mark, error) {
	n.seen[payload] = true
	n.note("admit %s", principal)
	if n.refuse != nil {
		return nil, n.refuse
	}
	return n, nil
}

func (n *notebook) Company() func() { n.note("company"); return func() { n.note("alone") } }

func (n *notebook) Begin(_ context.Context, goesOn bool) error {
	if goesOn {
		n.note("go on")
	} else {
		n.note("begin")
	}
	return n.stall
}

func (n *notebook) Crowded() bool { n.crowd--; return n.crowd >= 0 }

func (n *notebook) End(whole bool) { n.note("end %v", whole) }

// noting is an engine that notes when it is asked.
type noting struct {
	inference.Engine
	*notebook
}

func (e noting) Load(ctx context.Context, s inference.Spec) (inference.Model, error) {
	e.note("load")
	m, err := e.Engine.Load(ctx, s)
	return notingModel{m, e.notebook}, err
}

type notingModel struct {
	inference.Model
	*notebook
}

func (m notingModel) Judge(ctx context.Context, q inference.Query) (inference.Answer, error) {
	m.note("judge")
	return m.Model.Judge(ctx, q)
}

func (m notingModel) Generate(ctx context.Context, g inference.Generation) (inference.Generated, error) {
	m.note("generate")
	return m.Model.Generate(ctx, g)
}

func (m notingModel) Prime(ctx context.Context, prefixes [][]int32) error {
	m.note("prime")
	return m.Model.Prime(ctx, prefixes)
}

func newNoted(t *testing.T) (*rig, *notebook, *inference.Lease) {
	t.Helper()
	r := newRig(t, 1, 1)
	n := &notebook{seen: map[[32]byte]bool{}}
	r.sched = inference.New(inference.Options{Queue: 1, Marks: n})
	require.NoError(t, r.sched.Add(t.Context(), noting{r.engine, n}, inference.Spec{ModelID: modelID, Slots: 1, SlotTokens: 1000}))
	require.NoError(t, r.sched.Prime(t.Context(), modelID, [][]int32{{1, 2}}))
	require.Equal(t, []string{"company", "load", "alone", "company", "prime", "alone"}, n.take())
	return r, n, r.lease(t)
}

// threat M8: nothing reaches the engine that is not marked, and the mark goes with the answer.
func TestEveryPayloadIsMarked(t *testing.T) {
	r, n, l := newNoted(t)
	_, err := l.Judge(t.Context(), ask("good morning"))
	require.NoError(t, err)
	require.Equal(t, []string{"admit usr_1", "begin", "judge", "end true"}, n.take())
	_, err = l.Generate(t.Context(), inference.Generation{Prompt: []int32("good morning"), Max: 3})
	require.NoError(t, err)
	require.Equal(t, []string{"admit usr_1", "begin", "generate", "end true"}, n.take())
	require.Len(t, n.seen, 1, "the same ids are the same payload, whatever is asked")
	r.engine.Fail(errors.New("broken"))
	_, err = l.Judge(t.Context(), ask("good evening"))
	require.Error(t, err)
	require.Equal(t, []string{"admit usr_1", "begin", "judge", "end false"}, n.take(), "it was not run to its end")
	require.Len(t, n.seen, 2)
}

// threat M8: what the marks refuse no engine sees, and no place at the model is held for it.
func TestRefusedPayloadsDoNotRun(t *testing.T) {
	_, n, l := newNoted(t)
	n.refuse = fault.New(fault.PayloadRefused, "no")
	_, err := l.Judge(t.Context(), ask("good morning"))
	require.Equal(t, fault.PayloadRefused, fault.CodeOf(err))
	_, err = l.Generate(t.Context(), inference.Generation{Prompt: []int32("x"), Max: 1})
	require.Equal(t, fault.PayloadRefused, fault.CodeOf(err))
	require.Equal(t, []string{"admit usr_1", "admit usr_1"}, n.take())
	n.refuse, n.stall = nil, fault.New(fault.Busy, "not alone")
	_, err = l.Judge(t.Context(), ask("good morning"))
	require.Equal(t, fault.Busy, fault.CodeOf(err))
	require.Equal(t, []string{"admit usr_1", "begin", "end false"}, n.take())
	n.stall = nil
	_, err = l.Judge(t.Context(), ask("good morning"))
	require.NoError(t, err)
	require.True(t, slices.Contains(n.take(), "judge"))
}

// A text that others wait for because of its mark gives way after a turn, though nobody waits for its model, and is whole all the same.
func TestATextGivesWayToWhomItsMarkKeepsOut(t *testing.T) {
	pass := newRig(t, 1, 1).people(t, 1)[0]
	synctest.Test(t, func(t *testing.T) {
		n := &notebook{seen: map[[32]byte]bool{}, crowd: 2}
		s := inference.New(inference.Options{Queue: 1, Marks: n})
		require.NoError(t, s.Add(t.Context(), noting{newPaced(1), n}, inference.Spec{ModelID: modelID, Slots: 1, SlotTokens: 1000}))
		n.take()
		l := acquire(t, s, pass)
		defer l.Release()
		whole, err := l.Generate(t.Context(), inference.Generation{Prompt: []int32("x"), Max: 4 * inference.TurnIDs})
		require.NoError(t, err)
		require.Equal(t, 3, whole.Turns)
		require.Len(t, whole.IDs, 4*inference.TurnIDs)
		lines := n.take()
		admit := lines[0]
		require.Equal(t, []string{
			admit, "begin", "generate", "end false", admit, "go on", "generate", "end false", admit, "go on", "generate", "end true",
		}, lines)
		require.Len(t, n.seen, 1, "in every turn the same")
	})
}

// Without a supervisor nothing is marked and nobody waits.
func TestUnmarked(t *testing.T) {
	r := newRig(t, 1, 1)
	_, err := r.lease(t).Judge(t.Context(), ask("good morning"))
	require.NoError(t, err)
}
