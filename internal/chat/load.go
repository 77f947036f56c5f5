package chat

import (
	"context"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/manager"
	"guardhouse/internal/prompt"
)

const (
	// canary is answered once after each load: a model that cannot write is not ready.
	canary = "How do I bake bread?"
	// canaryTokens are enough to see that there are numbers behind them.
	canaryTokens = 4
)

// Open is the manager.Loader of chat models: it refuses files that catalog.File.Chat refuses, and has the model write a few words.
func (s *Service) Open(_ context.Context, m catalog.Model, f *catalog.File) (manager.Opened, error) {
	c, err := f.Chat(m)
	if err != nil {
		return manager.Opened{}, err
	}
	spec := s.o.Spec
	if spec.SlotTokens = c.File.ContextLength(); s.o.Context < spec.SlotTokens {
		spec.SlotTokens = s.o.Context
	}
	return manager.Opened{
		Header: c.File, Content: c.Prompt, Spec: spec,
		Prove: func(ctx context.Context, m inference.Model) error { return prove(ctx, m, c.Prompt) },
	}, nil
}

// prove computes the template's beginning ahead and has the model write.
func prove(ctx context.Context, m inference.Model, c *prompt.Chat) error {
	p, err := c.Encode([]prompt.Message{{Role: "user", Content: canary}})
	if err != nil {
		return err
	}
	if p.Prefix > 0 {
		if err := m.Prime(ctx, [][]int32{p.IDs[:p.Prefix]}); err != nil {
			return err
		}
	}
	out, err := m.Generate(ctx, inference.Generation{Prompt: p.IDs, Prefix: p.Prefix, Max: canaryTokens, Stop: c.Ends()})
	if err == nil && out.Reason == inference.Canceled {
		err = fault.New(fault.Unprocessable, "the model does not write")
	}
	return err
}
