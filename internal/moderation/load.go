package moderation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/prompt"
)

// loaded is a model that answers. It is immutable but for failure.
type loaded struct {
	model         catalog.Model
	guard         *catalog.Guard
	file          *catalog.File
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

// Load loads every guard of the catalogue, the default one first. It answers the error of the default
// one; another that fails is shown as failed in the catalogue and stops nobody.
func (s *Service) Load(ctx context.Context) error {
	if _, err := s.d.Catalog.Refresh(ctx); err != nil {
		return err
	}
	return s.loadAll(ctx)
}

// Refresh loads what another process imported since, and stops the use of a model whose file changed
// (threat M4) until it is the right one again. It is cheap where nothing changed.
func (s *Service) Refresh(ctx context.Context) error {
	s.confirmAll(ctx)
	if err := s.readmit(ctx); err != nil {
		return err
	}
	changed, err := s.d.Catalog.Refresh(ctx)
	if err != nil || !changed {
		return err
	}
	return s.loadAll(ctx)
}

// LoadModel loads one model, for a process that needs no other.
func (s *Service) LoadModel(ctx context.Context, name string) error {
	m, err := s.d.Catalog.Resolve(ctx, name)
	if err != nil {
		return err
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	return s.load(ctx, m, false)
}

func (s *Service) loadAll(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	all, err := s.d.Catalog.All(ctx)
	if err != nil {
		return err
	}
	var first error
	for _, wanted := range []bool{true, false} {
		for _, m := range all {
			if m.Default != wanted {
				continue
			}
			if err := s.load(ctx, m, true); err != nil && m.Default {
				first = err
			}
		}
	}
	return first
}

// load brings one model into the scheduler unless these very bytes are there already. measure lets the engine try what is
// fastest, which a process for a few texts would not earn back.
func (s *Service) load(ctx context.Context, m catalog.Model, measure bool) error {
	if m.Kind != catalog.KindGuard || s.has(m) {
		return nil
	}
	if err := s.free(ctx, m.ID); err != nil {
		return err
	}
	s.d.Catalog.SetState(m.ID, catalog.StateLoading, "")
	start := s.o.Now()
	l, err := s.start(ctx, m, measure)
	if err != nil {
		s.d.Catalog.SetFailed(m.ID, reasonOf(err), fault.From(err).Message)
		s.d.Log.ErrorContext(ctx, "loading a model", "model", m.ID, "sha256", m.SHA256, "err", err)
		return fmt.Errorf("loading %s: %w", m.ID, err)
	}
	s.mu.Lock()
	s.models[m.ID] = l
	delete(s.withdrawn, m.ID)
	s.mu.Unlock()
	s.d.Catalog.SetState(m.ID, catalog.StateReady, "")
	d := l.what
	s.d.Log.InfoContext(ctx, "model ready", "model", m.ID, "sha256", m.SHA256, "took", s.o.Now().Sub(start),
		"lanes", d.Lanes, "slots", d.Slots, "threads", d.Threads, "batch", d.Batch, "flash", d.Flash, "cache", d.Cache,
		"kernels", d.Kernels, "temperature", l.guard.Temperature(), "memory", d.Memory.Total(), "chosen", d.Choice.Why, "trial", d.Choice.Took)
	return nil
}

func (s *Service) has(m catalog.Model) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	l, ok := s.models[m.ID]
	return ok && l.model.SHA256 == m.SHA256
}

// start checks the file through one descriptor, hands that descriptor to the engine and has the model
// judge the canary before anybody else may use it.
func (s *Service) start(ctx context.Context, m catalog.Model, measure bool) (l *loaded, err error) {
	f, err := s.d.Catalog.OpenTold(ctx, m, s.telling(m.ID, catalog.StageChecking, 0, checkedPart))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, fault.Wrap(err, fault.Unprocessable, "the model's file cannot be read")
	}
	g, err := catalog.InspectGuard(f, info.Size())
	if err != nil {
		return nil, err
	}
	l = newLoaded(m, g, f, s.o.WindowCap)
	spec := inference.Spec{
		ModelID: m.ID, File: f.File, Slots: s.o.Slots, SlotTokens: l.window + g.Overhead(), Threads: s.o.Threads,
		Lanes: s.o.Lanes, Batch: s.o.Batch, Flash: s.o.FlashAttention, Cache: s.o.KVCache,
		Temperature: g.Temperature(), Kernels: s.o.Kernels, Measure: measure,
		Progress: s.reading(m.ID),
	}
	return l, s.d.Scheduler.Add(ctx, checked{s.d.Engine, l}, spec)
}

func newLoaded(m catalog.Model, g *catalog.Guard, f *catalog.File, limit int) *loaded {
	v := g.Prompt.Vocabulary()
	l := &loaded{model: m, guard: g, file: f, window: min(g.Window, limit), labels: v.First[:], drafter: newDrafter(v)}
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

// checked is an engine that lets no model out before its file was found unchanged after the load
// (threat M4) and the canary was answered.
type checked struct {
	inference.Engine
	l *loaded
}

// Load refuses a file that changed while it was read, and a model that cannot judge.
func (c checked) Load(ctx context.Context, spec inference.Spec) (inference.Model, error) {
	m, err := c.Engine.Load(ctx, spec)
	if err != nil {
		return nil, err
	}
	if err := c.prove(ctx, m); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	c.l.what = m.Describe()
	return m, nil
}

func (c checked) prove(ctx context.Context, m inference.Model) error {
	if err := c.l.file.Confirm(ctx); err != nil {
		return err
	}
	ask := []prompt.Message{{Role: "user", Content: canary}}
	question, err := c.l.guard.Prompt.Encode(ask)
	if err != nil {
		return err
	}
	answer, err := c.l.guard.Prompt.Encode(append(ask, prompt.Message{Role: "assistant", Content: canary}))
	if err != nil {
		return err
	}
	prefixes := [][]int32{question.IDs[:question.Prefix], answer.IDs[:answer.Prefix]}
	if err := m.Prime(ctx, prefixes); err != nil {
		return err
	}
	_, err = c.l.readOne(ctx, m, window{question, true})
	return err
}
