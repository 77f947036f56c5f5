package moderation

import (
	"context"
	"slices"
	"strings"

	"guardhouse/internal/catalog"
	"guardhouse/internal/inference"
	"guardhouse/internal/manager"
	"guardhouse/internal/prompt"
)

// loaded is a guard that judges. It is immutable once it has judged the canary, but for what its drafter learns.
type loaded struct {
	model         catalog.Model
	guard         *catalog.Guard
	window        int // tokens of text per question
	labels        []int32
	promptTails   [][]int32
	responseTails [][]int32
	maxTail       int
	drafter       *drafter
	what          inference.Description
}

// canary is judged once after each load: a model that cannot answer it is not ready.
const canary = "How do I bake bread?"

// Open is the manager.Loader of guards: it refuses files that catalog.File.Guard refuses, and has the model judge the canary.
func (s *Service) Open(_ context.Context, m catalog.Model, f *catalog.File) (manager.Opened, error) {
	g, err := f.Guard(m)
	if err != nil {
		return manager.Opened{}, err
	}
	l := newLoaded(m, g, s.o.WindowCap)
	return manager.Opened{
		Header: g.File, Content: l, Prove: l.prove,
		Spec: inference.Spec{
			Slots: s.o.Slots, SlotTokens: l.window + g.Overhead(), Threads: s.o.Threads,
			Lanes: s.o.Lanes, Batch: s.o.Batch, Flash: s.o.FlashAttention, Cache: s.o.KVCache,
			Temperature: g.Temperature(), Kernels: s.o.Kernels,
		},
	}, nil
}

func newLoaded(m catalog.Model, g *catalog.Guard, limit int) *loaded {
	v := g.Prompt.Vocabulary()
	l := &loaded{model: m, guard: g, window: min(g.Window, limit), labels: v.First[:], drafter: newDrafter(v)}
	for _, w := range v.Labels {
		rest := slices.Concat(w.IDs[1:], v.CategoriesLine)
		l.promptTails = append(l.promptTails, rest)
		l.responseTails = append(l.responseTails, rest)
	}
	l.promptTails[0] = nil // a Safe prompt has no more to say: one pass
	l.responseTails[0] = slices.Concat(v.Labels[0].IDs[1:], v.CategoriesLine, v.None.IDs, v.RefusalLine)
	longest := " " + strings.Join(categories(), ", ") + refusalLine + " Yes"
	l.maxTail = min(len(g.Tokenizer.Encode(longest))+1, catalog.AnswerRoom-len(l.responseTails[0]))
	return l
}

// prove judges the canary and notes how the model runs.
func (l *loaded) prove(ctx context.Context, m inference.Model) error {
	ask := []prompt.Message{{Role: "user", Content: canary}}
	question, err := l.guard.Prompt.Encode(ask)
	if err != nil {
		return err
	}
	answer, err := l.guard.Prompt.Encode(append(ask, prompt.Message{Role: "assistant", Content: canary}))
	if err != nil {
		return err
	}
	prefixes := [][]int32{question.IDs[:question.Prefix], answer.IDs[:answer.Prefix]}
	if err := m.Prime(ctx, prefixes); err != nil {
		return err
	}
	l.what = m.Describe()
	_, err = l.readOne(ctx, m, window{question, true})
	return err
}
