package llamacpp

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

// remembering is what an engine tells the one after it.
type remembering struct {
	told []byte
	kept int
}

func (r *remembering) engine() *Engine {
	e := New()
	e.Remember(r.told, func(text []byte) { r.told = text; r.kept++ })
	return e
}

func settledBy(t *testing.T, e *Engine, m *machine, model string, cores int) plan {
	t.Helper()
	s := inference.Spec{ModelID: model, SlotTokens: 512, Measure: true, Flash: choiceOn}
	p, err := newPlan(s, 8<<20, cores)
	require.NoError(t, err)
	p.need = need{cell: 1024, vocab: scriptedVocab, heads: 4}
	w := m.means(0)
	w.trials, w.file, w.kernels = e.trials, 9<<20, "none"
	require.NoError(t, p.settle(t.Context(), s, w))
	return p
}

// slowWide is a machine whose threads wait for each other, so that two lanes are best; still is one that nothing may run on.
func slowWide(t *testing.T) *machine {
	return scaling(t, 20*time.Microsecond, func(n int) float64 { return 1 / float64(n) })
}

func still(t *testing.T) *machine {
	return &machine{t: t, fail: func(int) error { return errors.New("nothing should be tried") }}
}

func TestWhatATrialFoundIsToldToTheNextProcess(t *testing.T) {
	r := &remembering{}
	first := settledBy(t, r.engine(), slowWide(t), "guard", 2)
	require.Equal(t, 1, r.kept)
	require.NotContains(t, first.choice.Why, "before")

	next := r.engine()
	second := settledBy(t, next, still(t), "guard", 2)
	require.Equal(t, first.lanes, second.lanes)
	require.Equal(t, first.lane, second.lane)
	require.Equal(t, first.choice.Why+", as tried before", second.choice.Why)
	require.Equal(t, first.choice.Trials, second.choice.Trials)
	require.Equal(t, []any{first.choice.IDs, first.choice.Solo, first.choice.Wide}, []any{second.choice.IDs, second.choice.Solo, second.choice.Wide}, "the gauge begins as well")
	require.Zero(t, second.choice.Took)
	require.Equal(t, 1, r.kept, "nothing new")

	again := settledBy(t, next, slowWide(t), "guard", 2)
	require.Positive(t, again.choice.Took, "who loads it again has it tried again")
	settledBy(t, r.engine(), still(t), "guard", 2)
}

// What could have come out otherwise is tried.
func TestAnotherSubjectIsTried(t *testing.T) {
	r := &remembering{}
	settledBy(t, r.engine(), slowWide(t), "guard", 2)
	require.Positive(t, settledBy(t, r.engine(), slowWide(t), "other", 2).choice.Took)
	require.Positive(t, settledBy(t, r.engine(), slowWide(t), "guard", 4).choice.Took)
	e := r.engine()
	for _, model := range []string{"guard", "other"} {
		require.Zero(t, settledBy(t, e, still(t), model, 2).choice.Took, "they are known side by side")
	}
}

// A machine that was too busy for a trial is not kept busy with the same at each restart.
func TestATrialThatDidNotEndIsNotRepeated(t *testing.T) {
	r := &remembering{}
	slow := scaling(t, 7*time.Millisecond, func(int) float64 { return 1 })
	first := settledBy(t, r.engine(), slow, "guard", 2)
	require.Empty(t, first.choice.Trials)
	require.True(t, first.late)
	p := settledBy(t, r.engine(), still(t), "guard", 2)
	require.Equal(t, 2, p.lanes)
	require.True(t, p.late)
	require.Equal(t, "2 lanes of 1 thread by the size of the model: a trial before did not end in time", p.choice.Why)
}

// What came of a few rounds of a trial before its time was over holds for the process that saw it.
func TestATrialThatWasCutIsNotGoneBy(t *testing.T) {
	r := &remembering{}
	e := r.engine()
	about, all := subject{Model: "guard"}, []layout{{1, 2}, {2, 1}}
	found := tried{cut: true, Choice: inference.Choice{Trials: []inference.Trial{{Lanes: 1, Threads: 2, PerSecond: 890}, {Lanes: 2, Threads: 1, PerSecond: 72}}, IDs: 57, Solo: 1, Wide: 1}}
	e.trials.note(about, found)
	got, known := r.engine().trials.take(about, all, all[1])
	require.True(t, known)
	require.True(t, got.late)
	require.Equal(t, all[1], got.layout)
	require.Empty(t, got.Trials)
}

func TestAnEngineWithoutMemoryTries(t *testing.T) {
	require.Positive(t, settledBy(t, New(), slowWide(t), "guard", 2).choice.Took)
}

// Whatever a process was made to write before it ended, the next one tries for itself, or chooses among its own layouts.
func TestHostileMemoryOfTrials(t *testing.T) {
	r := &remembering{}
	settledBy(t, r.engine(), slowWide(t), "guard", 2)
	var good []trialled
	require.NoError(t, json.Unmarshal(r.told, &good))
	require.Len(t, good, 1)
	for name, change := range map[string]func(*trialled){
		"no layout of ours":  func(k *trialled) { k.Trials[0].Lanes = 1 << 30 },
		"too few":            func(k *trialled) { k.Trials = k.Trials[:1] },
		"no speed":           func(k *trialled) { k.Trials[0].PerSecond = -1 },
		"beyond any speed":   func(k *trialled) { k.Trials[0].PerSecond = math.MaxFloat64 },
		"a prompt too long":  func(k *trialled) { k.IDs = math.MaxInt },
		"no prompt":          func(k *trialled) { k.IDs = 0 },
		"time goes back":     func(k *trialled) { k.Solo = -1 },
		"no time":            func(k *trialled) { k.Wide = 0 },
		"an endless time":    func(k *trialled) { k.Wide = math.MaxInt64 },
		"longer than all":    func(k *trialled) { k.Solo = largeTrial },
		"late, with figures": func(k *trialled) { k.Trials = nil },
	} {
		var bad []trialled
		require.NoError(t, json.Unmarshal(r.told, &bad))
		change(&bad[0])
		text, err := json.Marshal(bad)
		require.NoError(t, err)
		e := New()
		e.Remember(text, nil)
		require.Positive(t, settledBy(t, e, slowWide(t), "guard", 2).choice.Took, name)
	}
	many, err := json.Marshal(make([]trialled, mostKnown+1))
	require.NoError(t, err)
	for _, text := range []string{"", "{", "null", `{"a":1}`, `[1]`, string(many)} {
		e := New()
		e.Remember([]byte(text), nil)
		require.Positive(t, settledBy(t, e, slowWide(t), "guard", 2).choice.Took, text)
	}
}

func TestTheOldestTrialsAreForgotten(t *testing.T) {
	r := &remembering{}
	e := r.engine()
	for i := range mostKnown + 3 {
		e.trials.note(subject{Weights: int64(i)}, tried{})
	}
	var known []trialled
	require.NoError(t, json.Unmarshal(r.told, &known))
	require.Len(t, known, mostKnown)
	require.Equal(t, int64(3), known[0].Subject.Weights)
}

// What a hostile process left behind is told on for no longer than there is room for it: else nobody could be told anything any more.
func TestMemoryOfTrialsFitsWhereItIsKept(t *testing.T) {
	r := &remembering{}
	var grows strings.Builder // when it is written anew
	grows.WriteString(`[{"Subject":{"Model":"other"},"Trials":[{}`)
	for range 16 << 10 {
		grows.WriteString(",{}")
	}
	grows.WriteString(`]}]`)
	r.told = []byte(grows.String())
	settledBy(t, r.engine(), slowWide(t), "guard", 2)
	require.LessOrEqual(t, len(r.told), mostTold)
	require.Zero(t, settledBy(t, r.engine(), still(t), "guard", 2).choice.Took)

	e := r.engine()
	for i := range mostKnown {
		e.trials.note(subject{Model: strings.Repeat("m", mostTold/8), Weights: int64(i)}, tried{})
		require.LessOrEqual(t, len(r.told), mostTold)
	}
	var known []trialled
	require.NoError(t, json.Unmarshal(r.told, &known))
	require.Equal(t, int64(mostKnown-1), known[len(known)-1].Subject.Weights, "the newest are kept")
	require.Greater(t, len(known), 5)

	e.trials.note(subject{Model: strings.Repeat("m", mostTold)}, tried{})
	require.Equal(t, "[]", string(r.told))
}
