package fake

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

type model struct {
	engine *Engine
	spec   inference.Spec
	closed sync.Once
}

func (m *model) Prime(ctx context.Context, _ [][]int32) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	return nil
}

func (m *model) Close() error {
	m.closed.Do(func() { m.engine.mu.Lock(); m.engine.held--; m.engine.mu.Unlock() })
	return nil
}

func (m *model) Describe() inference.Description {
	return inference.Description{
		Vocabulary: vocabulary, SlotTokens: m.spec.SlotTokens, Slots: max(1, m.spec.Slots),
		Batch: m.spec.Batch, Threads: m.spec.Threads, Device: "cpu", Kernels: "none", Cache: "f16", Runtime: "fake engine",
		Memory: inference.Memory{Weights: 4 << 20, Cache: 2 << 20, Compute: 1 << 20, Output: 1 << 10},
	}
}

// Judge refuses what a real model refuses: empty prompts, no labels, prompts over SlotTokens.
func (m *model) Judge(ctx context.Context, q inference.Query) (inference.Answer, error) {
	e := m.engine
	e.mu.Lock()
	hold, fail, garbage := e.hold, e.fail, e.garbage
	e.running++
	e.mu.Unlock()
	defer func() { e.mu.Lock(); e.running--; e.mu.Unlock() }()

	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
		}
	}
	switch {
	case ctx.Err() != nil:
		return inference.Answer{}, fault.From(ctx.Err())
	case fail != nil:
		return inference.Answer{}, fail
	case len(q.Prompt) == 0 || len(q.Labels) == 0 != q.Free:
		return inference.Answer{}, fault.New(fault.Invalid, "the query needs a prompt and labels")
	case m.spec.SlotTokens > 0 && len(q.Prompt) > m.spec.SlotTokens:
		return inference.Answer{}, fault.New(fault.TooLarge, "the prompt is longer than the model's context")
	}
	var a inference.Answer
	switch {
	case garbage:
		a = nonsense(q)
	case q.Free:
		a = e.free(q)
	default:
		a = e.answer(q)
	}
	e.mu.Lock()
	e.judged++
	e.mu.Unlock()
	return a, nil
}

// answer gives 0.9 to the label that Respond starts with, 0.099 to the other labels together, and the
// rest of the response, less the forced ids, as tail.
func (e *Engine) answer(q inference.Query) inference.Answer {
	text := e.o.Respond(e.o.Decode(q.Prompt))
	ids := e.o.Encode(text)
	best := -1
	if len(ids) > 0 {
		best = slices.Index(q.Labels, ids[0])
	}
	if best < 0 {
		return nonsense(q)
	}
	a := inference.Answer{Best: best, BestIsGreedy: true, Passes: 1}
	rest := 0.099 / math.Max(1, float64(len(q.Labels)-1))
	for i := range q.Labels {
		p := rest
		if i == best {
			p = 0.9
		}
		a.Probs = append(a.Probs, p)
		a.Logits = append(a.Logits, float32(math.Log(p)))
	}
	if best >= len(q.Tails) || q.Tails[best] == nil {
		return a
	}
	after := e.o.Decode(ids[1:])
	forced := e.o.Decode(q.Tails[best])
	if !strings.HasPrefix(after, forced) {
		return a
	}
	return cut(a, q, e.o.Encode(after[len(forced):]))
}

// free says the whole response, lead-in included.
func (e *Engine) free(q inference.Query) inference.Answer {
	return cut(inference.Answer{Passes: 1}, q, e.o.Encode("Safety:"+e.o.Respond(e.o.Decode(q.Prompt))))
}

func cut(a inference.Answer, q inference.Query, tail []int32) inference.Answer {
	a.Stopped = len(tail) < q.MaxTail
	a.Tail = tail[:min(len(tail), q.MaxTail)]
	a.Passes += len(a.Tail)
	return a
}

func nonsense(q inference.Query) inference.Answer {
	a := inference.Answer{Passes: 1}
	if q.Free {
		return cut(a, q, slices.Repeat([]int32{1}, q.MaxTail))
	}
	for range q.Labels {
		a.Probs = append(a.Probs, 0.01/float64(len(q.Labels)))
		a.Logits = append(a.Logits, 0)
	}
	if len(q.Tails) > 0 && q.Tails[0] != nil {
		for range q.MaxTail {
			a.Tail = append(a.Tail, q.Labels[0])
		}
		a.Passes += len(a.Tail)
	}
	return a
}
