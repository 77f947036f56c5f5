//go:build !nollama

package llamacpp

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"guardhouse/internal/apptest"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

func TestGuardNanoSpeaks(t *testing.T) {
	m := load(t, nano(t), inference.Spec{Slots: 4, SlotTokens: 384})
	tok := nanoTokenizer(t, nano(t))
	for text, want := range nanoTexts() {
		a, err := m.Judge(t.Context(), nanoQuery(tok, text))
		require.NoError(t, err)
		sum := a.Probs[0] + a.Probs[1] + a.Probs[2]
		require.LessOrEqual(t, sum, 1+1e-6)
		require.Greater(t, sum, 0.9, text)
		require.Equal(t, want, a.Best, text)
		require.True(t, a.BestIsGreedy)
		if want == 0 {
			require.Empty(t, a.Tail)
			require.Equal(t, 1, a.Passes, "a safe verdict costs one pass")
			continue
		}
		require.True(t, a.Stopped, text)
		require.Contains(t, tok.Decode(a.Tail), "Violent", text)
	}
}

// The softmax is over the whole vocabulary: with every id as a label the shares add up to one, and the
// temperature flattens them.
func TestProbabilitiesAreOverTheVocabulary(t *testing.T) {
	w, err := loadWeights(t.Context(), nano(t), false, nil)
	require.NoError(t, err)
	defer w.free()
	n, err := openLane(w, laneLimits{slots: 1, slotTokens: 512, batch: 256, threads: 1, flash: true})
	require.NoError(t, err)
	defer n.close()
	row := fillAlone(t, n, []int32{400, 500, 600, 700})
	all := make([]int32, w.vocab)
	for i := range all {
		all[i] = int32(i)
	}
	logits, err := n.row(row, all)
	require.NoError(t, err)
	last := 1.0
	for _, temperature := range []float64{0.5, 1, 2, 10} {
		top, sum := math.Inf(-1), 0.0
		for _, l := range logits {
			top = math.Max(top, float64(l))
		}
		for _, l := range logits {
			sum += math.Exp((float64(l) - top) / temperature)
		}
		total, largest := 0.0, 0.0
		for at := 0; at < len(all); at += maxLabels {
			s, err := n.score(row, temperature, all[at:min(at+maxLabels, len(all))])
			require.NoError(t, err)
			for i, p := range s.probs {
				total += p
				largest = math.Max(largest, p)
				want := math.Exp((float64(logits[at+i])-top)/temperature) / sum
				require.InEpsilon(t, want, p, 1e-5)
			}
			require.InDelta(t, top, float64(logits[s.best]), 0)
		}
		require.InDelta(t, 1, total, 1e-5)
		require.Less(t, largest, last, "a higher temperature is flatter")
		last = largest
	}
	for _, bad := range []float64{0, -1, 1e-30, 1e30, math.NaN()} {
		_, err := n.score(row, bad, all[:1])
		require.ErrorIs(t, err, errInvalid)
	}
	for _, bad := range []int{-1, 0, 4, 1 << 20} { // no row there: the engine itself would abort
		_, err := n.score(bad, 1, all[:1])
		require.ErrorIs(t, err, errInvalid, bad)
	}
}

// The model's temperature divides the logits of the verdict and of nothing else: alone, beside others, drafted or not, all shares
// are what the logits give, and label, greedy answer and free answer are those without it.
func TestATemperatureMovesSharesAlone(t *testing.T) {
	const temperature = 1.7
	plain := load(t, nano(t), inference.Spec{Slots: 4, SlotTokens: 384})
	calm := load(t, nano(t), inference.Spec{Slots: 4, SlotTokens: 384, Temperature: temperature})
	tok := nanoTokenizer(t, nano(t))
	for text := range nanoTexts() {
		q := nanoQuery(tok, text)
		want, err := plain.Judge(t.Context(), q)
		require.NoError(t, err)
		drafted := q
		drafted.Draft = func(_ int, _ []float32, tail []int32) []int32 {
			return slices.Clone(want.Tail[min(len(tail), len(want.Tail)):])
		}
		var all sync.WaitGroup
		for _, q := range []inference.Query{q, drafted, q, drafted} {
			all.Go(func() {
				a, err := calm.Judge(context.Background(), q)
				if err != nil {
					t.Error(err)
					return
				}
				if a.Best != want.Best || !slices.Equal(a.Tail, want.Tail) || a.BestIsGreedy != want.BestIsGreedy {
					t.Errorf("%s: %+v, without a temperature %+v", text, a, want)
				}
				ratio := math.Log(a.Probs[a.Best] / a.Probs[1])
				if logits := float64(a.Logits[a.Best]-a.Logits[1]) / temperature; math.Abs(ratio-logits) > 1e-4 {
					t.Errorf("%s: shares %v of logits %v", text, a.Probs, a.Logits)
				}
				if a.Probs[a.Best] >= want.Probs[a.Best] {
					t.Errorf("%s: a temperature above 1 makes nobody surer: %v, %v", text, a.Probs, want.Probs)
				}
			})
		}
		all.Wait()
		free := inference.Query{Prompt: q.Prompt, Prefix: q.Prefix, Free: true, MaxTail: 8, Stop: q.Stop}
		a, err := plain.Judge(t.Context(), free)
		require.NoError(t, err)
		b, err := calm.Judge(t.Context(), free)
		require.NoError(t, err)
		require.Equal(t, a.Tail, b.Tail, text)
	}
}

// threat M7
func TestNativeRefusesNumbersOutsideTheModel(t *testing.T) {
	m := load(t, nano(t), inference.Spec{Slots: 2, SlotTokens: 384})
	vocab := int32(m.Describe().Vocabulary)
	good := func() inference.Query { return inference.Query{Prompt: []int32{400, 401}, Labels: nanoLabels()} }
	for name, spoil := range map[string]func(*inference.Query){
		"prompt over":   func(q *inference.Query) { q.Prompt[1] = vocab },
		"prompt under":  func(q *inference.Query) { q.Prompt[0] = -1 },
		"prompt huge":   func(q *inference.Query) { q.Prompt[0] = math.MaxInt32 },
		"no prompt":     func(q *inference.Query) { q.Prompt = nil },
		"label":         func(q *inference.Query) { q.Labels = []int32{vocab} },
		"no label":      func(q *inference.Query) { q.Labels = nil },
		"tail":          func(q *inference.Query) { q.Tails = [][]int32{{math.MinInt32}}; q.MaxTail = 1 },
		"tails":         func(q *inference.Query) { q.Tails = make([][]int32, 4) },
		"stop":          func(q *inference.Query) { q.Stop = []int32{-5} },
		"negative tail": func(q *inference.Query) { q.MaxTail = -1 },
		"huge tail":     func(q *inference.Query) { q.MaxTail = math.MaxInt },
		"prefix":        func(q *inference.Query) { q.Prefix = 3 },
		"under prefix":  func(q *inference.Query) { q.Prefix = -1 },
	} {
		q := good()
		spoil(&q)
		_, err := m.Judge(t.Context(), q)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
	}
	for name, q := range map[string]inference.Query{
		"prompt": {Prompt: make([]int32, 385), Labels: nanoLabels()},
		"tail":   {Prompt: make([]int32, 380), Labels: nanoLabels(), Tails: [][]int32{{1, 2, 3}}, MaxTail: 1},
	} {
		_, err := m.Judge(t.Context(), q)
		require.Equal(t, fault.TooLarge, fault.CodeOf(err), name)
	}
	exact := inference.Query{Prompt: make([]int32, 384), Labels: nanoLabels()}
	_, err := m.Judge(t.Context(), exact)
	require.NoError(t, err, "a full slot is used to its end")
}

// Sixteen callers with texts of all lengths get what each gets alone, within what another order of
// additions does to a probability.
func TestGuardNanoInCompany(t *testing.T) {
	m := load(t, nano(t), inference.Spec{Slots: 8, SlotTokens: 384, Threads: 2})
	alone := load(t, nano(t), inference.Spec{Slots: 1, SlotTokens: 384, Threads: 1})
	const callers, each, tolerance = 16, 4, companyTolerance
	queries := make([]inference.Query, callers*each)
	want := make([]inference.Answer, len(queries))
	r := rand.New(rand.NewPCG(11, 12))
	for i := range queries {
		q := inference.Query{Prefix: 2, Labels: nanoLabels(), Tails: [][]int32{{198}, nil, {}}, MaxTail: 4, Prompt: []int32{1, 198}}
		for range 1 + r.IntN(340) {
			q.Prompt = append(q.Prompt, nanoTextFrom+r.Int32N(nanoTextTo()-nanoTextFrom))
		}
		queries[i] = q
		var err error
		want[i], err = alone.Judge(t.Context(), q)
		require.NoError(t, err)
	}
	var all sync.WaitGroup
	for c := range callers {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := c * each; i < (c+1)*each; i++ {
				a, err := m.Judge(context.Background(), queries[i])
				if err != nil {
					t.Error(err)
					return
				}
				for l := range nanoLabels() {
					if math.Abs(a.Probs[l]-want[i].Probs[l]) > tolerance {
						t.Errorf("query %d label %d: %v in company, %v alone", i, l, a.Probs[l], want[i].Probs[l])
					}
				}
			}
		}()
	}
	all.Wait()
}

// threat M7: a caller that leaves in the middle of a long prompt is answered within a pass, and the slot is
// as good as new.
func TestNativeCancelInMidPrompt(t *testing.T) {
	m := load(t, nano(t), inference.Spec{Slots: 1, SlotTokens: 16384, Batch: 64})
	tok := nanoTokenizer(t, nano(t))
	q := nanoQuery(tok, apptest.ViolentTexts()[0])
	before, err := m.Judge(t.Context(), q)
	require.NoError(t, err)

	long := inference.Query{Prompt: make([]int32, 16000), Labels: nanoLabels()}
	for i := range long.Prompt {
		long.Prompt[i] = int32(nanoTextFrom + i%5000)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = m.Judge(ctx, long)
	require.Equal(t, fault.Timeout, fault.CodeOf(err))
	require.Less(t, time.Since(start), 5*time.Second, "the whole prompt takes far longer")

	after, err := m.Judge(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, before.Best, after.Best)
	require.Equal(t, before.Tail, after.Tail)
	require.InDeltaSlice(t, before.Probs, after.Probs, 1e-6)
}

func TestLoadFromSealedMemory(t *testing.T) {
	content, err := os.ReadFile(nano(t))
	require.NoError(t, err)
	fd, err := unix.MemfdCreate("model", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	require.NoError(t, err)
	f := os.NewFile(uintptr(fd), "model")
	defer f.Close()
	_, err = f.Write(content)
	require.NoError(t, err)
	require.False(t, sealed(f))
	_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	require.NoError(t, err)
	require.True(t, sealed(f))
	m, err := New().Load(t.Context(), inference.Spec{File: f, Slots: 1, SlotTokens: 384})
	require.NoError(t, err)
	require.NoError(t, f.Close(), "the caller may close it as soon as it is loaded")
	_, err = m.Judge(t.Context(), inference.Query{Prompt: []int32{400}, Labels: nanoLabels()})
	require.NoError(t, err)
	d := m.Describe()
	require.Positive(t, d.WeightBytes)
	// Cells in steps of 256.
	require.Equal(t, nanoCell(t)*int64(512*d.Slots+shelves*shelfIDs), d.CacheBytes)
	require.NoError(t, m.Close())
	require.NoError(t, m.Close())
}

func TestLoadRefuses(t *testing.T) {
	noise := filepath.Join(t.TempDir(), "noise.gguf")
	require.NoError(t, os.WriteFile(noise, []byte("GGUF and then nothing that it should hold"), 0o600))
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	open := func(name string) *os.File {
		f, err := os.Open(name)
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		return f
	}
	for name, c := range map[string]struct {
		ctx  context.Context //nolint:containedctx // a table of cases
		spec inference.Spec
		code fault.Code
	}{
		"no file":    {t.Context(), inference.Spec{Slots: 1, SlotTokens: 100}, fault.Invalid},
		"lanes":      {t.Context(), inference.Spec{File: open(nano(t)), SlotTokens: 100, Lanes: maxLanes + 1}, fault.Invalid},
		"many slots": {t.Context(), inference.Spec{File: open(nano(t)), Slots: 257, SlotTokens: 100}, fault.Invalid},
		"no tokens":  {t.Context(), inference.Spec{File: open(nano(t)), Slots: 1}, fault.Invalid},
		"noise":      {t.Context(), inference.Spec{File: open(noise), Slots: 1, SlotTokens: 100}, fault.Unprocessable},
		"canceled":   {canceled, inference.Spec{File: open(nano(t)), Slots: 1, SlotTokens: 100}, fault.Canceled},
	} {
		_, err := New().Load(c.ctx, c.spec)
		require.Equal(t, c.code, fault.CodeOf(err), name)
		if name == "noise" {
			require.ErrorContains(t, err, "gguf", "the log shows the engine's own reason")
			require.NotContains(t, fault.From(err).Message, "gguf", "and clients do not")
		}
	}
}

// TestLoadTellsHowFarItIs: what is told grows, and ends at the whole.
func TestLoadTellsHowFarItIs(t *testing.T) {
	var heard []float64
	w, err := loadWeights(t.Context(), nano(t), false, func(part float64) { heard = append(heard, part) })
	require.NoError(t, err)
	defer w.free()
	require.NotEmpty(t, heard)
	require.True(t, slices.IsSorted(heard))
	require.InDelta(t, 1, heard[len(heard)-1], 0)
}
