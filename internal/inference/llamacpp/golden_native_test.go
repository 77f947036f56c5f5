//go:build !nollama

package llamacpp

import (
	"bufio"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// golden is a row of the reference outputs for the tiny guard model.
type golden struct {
	ID            string             `json:"id"`
	Mode          string             `json:"mode"`
	IDs           []int32            `json:"ids"`
	LeadIn        []int32            `json:"leadin_ids"`
	LabelLogits   map[string]float64 `json:"label_logits"`
	LabelProbs    map[string]float64 `json:"label_probs"`
	Want          map[string]float64 `json:"want"`
	Top20         [][2]float64       `json:"top20"`
	GreedyIDs     []int32            `json:"greedy_ids"`
	GreedyMargins []float64          `json:"greedy_margins"`
	GreedyEnded   bool               `json:"greedy_ended"`
}

// The labels' first ids, in this order, and the end of an answer.
var (
	goldenLabels = []int32{22291, 2093, 73067}
	goldenNames  = []string{"Safe", "Controversial", "Unsafe"}
	goldenStop   = []int32{151645}
)

const (
	answerIDs = 24 // the reference stopped there
	// labelAt is where an answer in the format has its label: Safety, colon, label.
	labelAt = 2
)

// tolerance is the goldens' own: logits of the engine against the reference in float32, flash attention on.
func (g golden) tolerance() float64 {
	if len(g.IDs) < 1000 {
		return 0.15
	}
	return 0.8
}

func (g golden) prompt() []int32 { return append(slices.Clone(g.IDs), g.LeadIn...) }

func (g golden) inFormat() bool {
	return len(g.GreedyIDs) > labelAt && slices.Equal(g.GreedyIDs[:labelAt], g.LeadIn) &&
		slices.Contains(goldenLabels, g.GreedyIDs[labelAt])
}

func sharedFile(t testing.TB, parts ...string) string {
	t.Helper()
	name := filepath.Join(append([]string{"..", "..", "..", "..", "shared"}, parts...)...)
	if _, err := os.Stat(name); err != nil {
		t.Skipf("not run: %s needs the reference data, which is not here", t.Name())
	}
	return name
}

func readGoldens(t testing.TB) []golden {
	t.Helper()
	f, err := os.Open(sharedFile(t, "goldens", "qwen", "tiny-guard", "goldens.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	var list []golden
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var g golden
		require.NoError(t, json.Unmarshal(lines.Bytes(), &g))
		list = append(list, g)
	}
	require.NoError(t, lines.Err())
	require.Len(t, list, 40)
	return list
}

func tinyGuard(t testing.TB) string {
	return sharedFile(t, "goldens", "qwen", "tiny-guard", "tiny-guard-q8_0.gguf")
}

// load opens a model with the engine as the product does.
func load(t testing.TB, name string, s inference.Spec) *model {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	s.File = f
	m, err := New().Load(t.Context(), s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m.(*model)
}

func TestGoldenLogits(t *testing.T) {
	goldens := readGoldens(t)
	w, err := loadWeights(t.Context(), tinyGuard(t), false, nil)
	require.NoError(t, err)
	defer w.free()
	p, err := newPlan(inference.Spec{Slots: 1, SlotTokens: 4096, Threads: 2}, w.bytes, 2)
	require.NoError(t, err)
	n, err := openLane(w, p.lane)
	require.NoError(t, err)
	defer n.close()
	worst := map[bool]float64{}
	for _, g := range goldens {
		row := fillAlone(t, n, g.prompt())
		check := func(id int32, want float64) {
			got, err := n.row(row, []int32{id})
			require.NoError(t, err)
			diff := math.Abs(float64(got[0]) - want)
			require.LessOrEqual(t, diff, g.tolerance(), "%s id %d", g.ID, id)
			worst[len(g.IDs) < 1000] = math.Max(worst[len(g.IDs) < 1000], diff)
		}
		for id, want := range g.Want {
			i, err := strconv.Atoi(id)
			require.NoError(t, err)
			check(int32(i), want)
		}
		for _, top := range g.Top20 {
			check(int32(top[0]), top[1])
		}
		for i, name := range goldenNames {
			check(goldenLabels[i], g.LabelLogits[name])
		}
	}
	t.Logf("largest difference of a logit: %.3f under 1,000 tokens, %.3f over", worst[true], worst[false])
}

// fillAlone computes ids in slot 0 and answers the row of the last.
func fillAlone(t testing.TB, n *nativeLane, ids []int32) int {
	t.Helper()
	require.NoError(t, n.keep(0, 0))
	row := 0
	for at := 0; at < len(ids); at += chunk {
		p := &pass{}
		for i, id := range ids[at:min(at+chunk, len(ids))] {
			p.add(0, at+i, id, at+i == len(ids)-1)
		}
		require.NoError(t, n.decode(p, 1))
		row = len(p.ids) - 1
	}
	return row
}

// fullQuery asks for a label and everything after it, as the reference's greedy run shows it.
func (g golden) fullQuery() inference.Query {
	return inference.Query{
		Prompt: g.prompt(), Prefix: 200, Labels: goldenLabels, Tails: [][]int32{{}, {}, {}},
		MaxTail: answerIDs - labelAt - 1, Stop: goldenStop,
	}
}

// checkAnswer holds an answer against the reference: label, probabilities, and greedy ids up to the first
// step whose margin is below twice the tolerance.
func (g golden) checkAnswer(t *testing.T, a inference.Answer) {
	t.Helper()
	total := 0.0
	for i, name := range goldenNames {
		require.InDelta(t, g.LabelLogits[name], a.Logits[i], g.tolerance(), "%s %s", g.ID, name)
		require.False(t, a.Probs[i] < 0 || math.IsNaN(a.Probs[i]))
		total += a.Probs[i]
	}
	require.LessOrEqual(t, total, 1+1e-6, g.ID)
	for i, name := range goldenNames {
		// Two logits that each move by at most d move a share of their softmax by less than d/2.
		require.InDelta(t, g.LabelProbs[name], a.Probs[i]/total, g.tolerance()/2, "%s %s", g.ID, name)
	}
	if !g.inFormat() {
		return
	}
	require.Equal(t, g.GreedyIDs[labelAt], goldenLabels[a.Best], g.ID)
	require.True(t, a.BestIsGreedy, g.ID)
	want := g.GreedyIDs[labelAt+1:]
	ended := g.GreedyEnded
	if ended {
		want = want[:len(want)-1] // the stop id
	}
	for i, id := range want {
		if g.GreedyMargins[labelAt+1+i] < 2*g.tolerance() {
			return
		}
		require.Less(t, i, len(a.Tail), g.ID)
		require.Equal(t, id, a.Tail[i], "%s step %d", g.ID, i)
	}
	require.Equal(t, ended, a.Stopped, g.ID)
	require.Len(t, a.Tail, len(want), g.ID)
}

// The long ones are checked with their drafts.
func TestGoldenAnswers(t *testing.T) {
	goldens := slices.DeleteFunc(readGoldens(t), golden.long)
	m := load(t, tinyGuard(t), inference.Spec{Slots: 4, SlotTokens: 1024})
	formatted := 0
	for _, g := range goldens {
		a, err := m.Judge(t.Context(), g.fullQuery())
		require.NoError(t, err, g.ID)
		g.checkAnswer(t, a)
		if g.inFormat() {
			formatted++
		}
	}
	require.Equal(t, 37, formatted) // the three long cases do not answer in the format
}

// TestGoldenGreedyUnforced decodes from the bare prompt, as the reference did: the first id is asked for as
// the only label, everything after it is greedy.
func TestGoldenGreedyUnforced(t *testing.T) {
	m := load(t, tinyGuard(t), inference.Spec{Slots: 4, SlotTokens: 4096})
	for _, g := range readGoldens(t) {
		if g.GreedyMargins[0] < 2*g.tolerance() || !g.inFormat() {
			continue // the others leave the format at once; their logits are compared above
		}
		a, err := m.Judge(t.Context(), inference.Query{
			Prompt: g.IDs, Prefix: 200, Labels: g.GreedyIDs[:1], Tails: [][]int32{{}},
			MaxTail: answerIDs - 1, Stop: goldenStop,
		})
		require.NoError(t, err, g.ID)
		require.True(t, a.BestIsGreedy, g.ID)
		got := append([]int32{g.GreedyIDs[0]}, a.Tail...)
		for i, id := range g.GreedyIDs {
			if g.GreedyMargins[i] < 2*g.tolerance() || slices.Contains(goldenStop, id) {
				break
			}
			require.Equal(t, id, got[i], "%s step %d", g.ID, i)
		}
	}
}

// A model whose rotary base is not a number loads, and answers NaN: that is an error and never a verdict.
func TestNotANumberIsNoVerdict(t *testing.T) {
	m := load(t, sharedFile(t, "goldens", "qwen", "malformed-gguf", "hp-rope-nan.gguf"), inference.Spec{Slots: 2, SlotTokens: 64})
	for range 2 {
		_, err := m.Judge(t.Context(), inference.Query{Prompt: []int32{5, 6, 7}, Labels: []int32{1, 2}})
		require.ErrorIs(t, err, errNotFinite)
		require.Equal(t, fault.Internal, fault.CodeOf(err))
	}
}

// The prompts all at once: labels and greedy ids hold as they do alone, whether the prefixes were there
// before, or are computed by the first and copied to the others while it is still at work.
func TestGoldenAnswersInCompany(t *testing.T) {
	goldens := slices.DeleteFunc(readGoldens(t), func(g golden) bool { return len(g.IDs) > 900 })
	const prompt, response = 200, 260 // ids that all prompts of a mode share
	t.Run("primed, two lanes", func(t *testing.T) {
		m := load(t, tinyGuard(t), inference.Spec{Slots: 6, SlotTokens: 1024, Threads: 2})
		require.NoError(t, m.Prime(t.Context(), [][]int32{goldens[0].IDs[:prompt], goldens[8].IDs[:response]}))
		judgeTogether(t, m, goldens, prompt, response)
	})
	t.Run("not primed, one lane", func(t *testing.T) {
		m := load(t, tinyGuard(t), inference.Spec{Slots: 4, SlotTokens: 1024, Threads: 1})
		judgeTogether(t, m, goldens[:16], prompt, response)
	})
}

func judgeTogether(t *testing.T, m *model, goldens []golden, prompt, response int) {
	t.Helper()
	var all sync.WaitGroup
	answers := make([]inference.Answer, len(goldens))
	errs := make([]error, len(goldens))
	for i, g := range goldens {
		q := g.fullQuery()
		q.Prefix = prompt
		if g.Mode == "response" {
			q.Prefix = response
		}
		all.Add(1)
		go func() {
			defer all.Done()
			answers[i], errs[i] = m.Judge(context.Background(), q)
		}()
	}
	all.Wait()
	for i, g := range goldens {
		require.NoError(t, errs[i], g.ID)
		g.checkAnswer(t, answers[i])
	}
}
