package inference_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// threat M7: every number that a client chooses is refused outside its range, before native code hears of it.
func TestGenerationRefusesWhatIsOutOfRange(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	good := func() inference.Generation {
		return inference.Generation{Prompt: []int32{1, 2}, Max: 3, Sampling: inference.Sampling{Temperature: 2, TopP: 1, Bias: map[int32]float64{9: -100}}}
	}
	require.NoError(t, good().Check(10, 5))
	for name, change := range map[string]func(*inference.Generation){
		"no prompt":          func(g *inference.Generation) { g.Prompt = nil },
		"prefix":             func(g *inference.Generation) { g.Prefix = 3 },
		"negative prefix":    func(g *inference.Generation) { g.Prefix = -1 },
		"written":            func(g *inference.Generation) { g.Written = 3 },
		"nothing to write":   func(g *inference.Generation) { g.Max = 0 },
		"less than nothing":  func(g *inference.Generation) { g.Max = -1 },
		"id":                 func(g *inference.Generation) { g.Prompt = []int32{10} },
		"negative id":        func(g *inference.Generation) { g.Prompt = []int32{-1} },
		"stop id":            func(g *inference.Generation) { g.Stop = []int32{10} },
		"stop ids":           func(g *inference.Generation) { g.Stop = make([]int32, 65) },
		"alternatives":       func(g *inference.Generation) { g.Logprobs, g.Top = true, 21 },
		"alternatives alone": func(g *inference.Generation) { g.Top = 1 },
		"temperature":        func(g *inference.Generation) { g.Temperature = 2.1 },
		"cold":               func(g *inference.Generation) { g.Temperature = -.1 },
		"no temperature":     func(g *inference.Generation) { g.Temperature = nan },
		"endless":            func(g *inference.Generation) { g.Temperature = inf },
		"top_p":              func(g *inference.Generation) { g.TopP = 1.01 },
		"top_p NaN":          func(g *inference.Generation) { g.TopP = nan },
		"min_p":              func(g *inference.Generation) { g.MinP = -1 },
		"top_k":              func(g *inference.Generation) { g.TopK = -1 },
		"presence":           func(g *inference.Generation) { g.Presence = -2.5 },
		"frequency":          func(g *inference.Generation) { g.Frequency = inf },
		"window":             func(g *inference.Generation) { g.Window = -1 },
		"bias":               func(g *inference.Generation) { g.Bias = map[int32]float64{1: 101} },
		"bias NaN":           func(g *inference.Generation) { g.Bias = map[int32]float64{1: nan} },
		"biased id":          func(g *inference.Generation) { g.Bias = map[int32]float64{10: 1} },
		"biased ids": func(g *inference.Generation) {
			for i := range int32(2000) {
				g.Bias[i] = 1
			}
		},
	} {
		g := good()
		change(&g)
		require.Equal(t, fault.Invalid, fault.CodeOf(g.Check(10, 5)), name)
	}
	for _, most := range []int{4, math.MaxInt} {
		g := good()
		g.Max = most
		require.Equal(t, fault.TooLarge, fault.CodeOf(g.Check(10, 5)))
	}
}

func TestLeaseWrites(t *testing.T) {
	r := newRig(t, 1, 1)
	l := r.lease(t)
	defer l.Release()
	var heard []int32
	g := inference.Generation{Prompt: []int32("hello"), Max: 100, Logprobs: true, Top: 2, Sink: func(tok inference.Token) bool {
		require.Len(t, tok.Top, 2)
		require.Equal(t, tok.Top[0], inference.Likely{ID: tok.ID, Logprob: tok.Logprob})
		heard = append(heard, tok.ID)
		return true
	}}
	out, err := l.Generate(t.Context(), g)
	require.NoError(t, err)
	require.Equal(t, "Safety:Safe\nCategories: None", string(heard))
	require.Equal(t, heard, out.IDs)
	require.Equal(t, inference.Stopped, out.Reason)
	require.Equal(t, 5, out.Prompt)

	g.Max, heard = 4, nil
	out, err = l.Generate(t.Context(), g)
	require.NoError(t, err)
	require.Equal(t, inference.Length, out.Reason)
	require.Equal(t, "Safe", string(heard))

	heard = nil
	g.Max, g.Sink = 100, func(tok inference.Token) bool { heard = append(heard, tok.ID); return len(heard) < 3 }
	out, err = l.Generate(t.Context(), g)
	require.NoError(t, err)
	require.Equal(t, inference.Stopped, out.Reason, "the sink had enough")
	require.Equal(t, "Saf", string(heard))
	require.Equal(t, heard, out.IDs, "nothing that the sink did not hear")
	require.Equal(t, uint64(3), r.sched.Status()[0].Judged)
	require.GreaterOrEqual(t, r.sched.Status()[0].Work.Written, uint64(len("Safety:Safe\nCategories: None")+4+3))
}

func TestLeaseRefusesToWriteWithoutAPass(t *testing.T) {
	r := newRig(t, 1, 1)
	l := r.lease(t)
	l.Release()
	_, err := l.Generate(t.Context(), inference.Generation{Prompt: []int32("x"), Max: 1})
	require.Equal(t, fault.Internal, fault.CodeOf(err))
	pass := r.enter(t)
	l, err = r.sched.Acquire(t.Context(), pass, modelID)
	require.NoError(t, err)
	defer l.Release()
	closing := errors.New("over")
	pass.Close(&closing)
	_, err = l.Generate(t.Context(), inference.Generation{Prompt: []int32("x"), Max: 1})
	require.Equal(t, fault.Internal, fault.CodeOf(err))
	require.Zero(t, r.engine.Written())
}

func TestWhoLeavesATextKeepsWhatWasWritten(t *testing.T) {
	r := newRig(t, 1, 1)
	l := r.lease(t)
	defer l.Release()
	defer r.engine.HoldAt(3)()
	ctx, cancel := context.WithCancel(t.Context())
	var heard []int32
	out, err := l.Generate(ctx, inference.Generation{Prompt: []int32("x"), Max: 100, Sink: func(tok inference.Token) bool {
		if heard = append(heard, tok.ID); len(heard) == 3 {
			cancel()
		}
		return true
	}})
	require.Equal(t, fault.Canceled, fault.CodeOf(err))
	require.Equal(t, inference.Canceled, out.Reason)
	require.Equal(t, "Saf", string(out.IDs))
	require.Equal(t, uint64(1), r.sched.Status()[0].Left)
}

// TestATextGivesWay: a text of 1,000 ids holds the model's only place. Somebody else's verdict comes behind at most one turn of it,
// and not behind its end, and the text is whole all the same.
func TestATextGivesWay(t *testing.T) {
	passes := newRig(t, 1, 1).people(t, 2)
	synctest.Test(t, func(t *testing.T) {
		const ids = 1000
		s := schedule(t, newPaced(1), 8)
		var out inference.Generated
		var heard []int32
		writing, verdicts := acquire(t, s, passes[0]), acquire(t, s, passes[1])
		var all sync.WaitGroup
		all.Go(func() {
			defer writing.Release()
			var err error
			out, err = writing.Generate(t.Context(), inference.Generation{
				Prompt: []int32("x"), Max: ids, Sink: func(tok inference.Token) bool { heard = append(heard, tok.ID); return true },
			})
			if err != nil {
				t.Error(err)
			}
		})
		const asked = 10
		for range asked {
			<-time.After(onePass / 2)
			start := time.Now()
			_, err := verdicts.Judge(t.Context(), ask("short"))
			require.NoError(t, err)
			require.LessOrEqual(t, time.Since(start), (inference.TurnIDs+1)*onePass)
		}
		verdicts.Release()
		all.Wait()
		require.Equal(t, asked+1, out.Turns)
		require.Equal(t, inference.Length, out.Reason)
		require.Len(t, heard, ids)
		require.True(t, slices.IsSorted(heard), "in order, none twice")
		require.Equal(t, heard, out.IDs)
		require.Equal(t, ids*onePass, out.Compute)
		require.Equal(t, asked*onePass, out.Queue)
		require.Zero(t, out.Cached, "what a turn finds again is no news")
		st := s.Status()[0]
		require.Equal(t, []uint64{asked + 1, ids}, []uint64{st.Judged, st.Work.Written})
	})
}

// TestASlowReaderHoldsNoPlace: who takes his time to read leaves the place to others as soon as the model is done.
func TestASlowReaderHoldsNoPlace(t *testing.T) {
	passes := newRig(t, 1, 1).people(t, 2)
	synctest.Test(t, func(t *testing.T) {
		s := schedule(t, newPaced(1), 8)
		slow, other := acquire(t, s, passes[0]), acquire(t, s, passes[1])
		var all sync.WaitGroup
		all.Go(func() {
			out, err := slow.Generate(t.Context(), inference.Generation{Prompt: []int32("x"), Max: 8, Sink: func(inference.Token) bool {
				<-time.After(time.Minute)
				return true
			}})
			if err != nil || len(out.IDs) != 8 {
				t.Error("the slow reader lost something", err, out)
			}
		})
		<-time.After(8*onePass + 1)
		start := time.Now()
		_, err := other.Judge(t.Context(), ask("short"))
		require.NoError(t, err)
		require.Equal(t, onePass, time.Since(start))
		all.Wait()
	})
}
