package chat

import (
	"context"
	"math"
	"sync"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/manager"
	"guardhouse/internal/prompt"
)

// turn is one request on its way from pass to answer.
type turn struct {
	s      *Service
	r      *Request
	tuning *Tuning
	start  time.Time
	id     string
	held   *manager.Hold // nil where the name means no model
	pass   *access.Pass
	lease  *inference.Lease // nil until the model is the turn's to use
	asked  asked            // what the model is asked, if price or ask has found out
}

// asked is a conversation as the model that it was cut for is to be asked.
type asked struct {
	by      *manager.Resident
	voice   Voice
	prompt  prompt.Prompt
	most    int   // tokens that the answer may have
	refused error // why there is none, where finding the price found that out
}

// enter checks the request, finds the model and lets the caller in. Whoever gets a turn closes its pass and calls done. Whatever
// refuses leaves its row.
func (s *Service) enter(ctx context.Context, p access.Principal, r *Request) (_ *turn, done func(), err error) {
	t := &turn{s: s, r: r, tuning: s.tuning.Load(), start: s.o.Now()}
	op := access.Op{Action: access.ChatRun, Operation: access.Infer}
	if s.o.KeepContent != "none" {
		op.Content = r.content()
	}
	if err := r.check(t.tuning.MaxTokens); err != nil {
		return nil, nil, s.reject(ctx, p, op, err)
	}
	if t.id, err = s.newID(); err != nil {
		return nil, nil, s.reject(ctx, p, op, err)
	}
	done = func() {}
	t.held, err = s.take(ctx, r.Model)
	switch {
	case fault.CodeOf(err) == fault.NotFound:
		op.Unknown = true
		if catalog.ValidID(r.Model) { // else it is any text, which has no place in a row
			op.Model = r.Model
		}
	case err != nil:
		return nil, nil, s.reject(ctx, p, op, err)
	default:
		done = t.held.Done
		op.Model, op.ModelSHA256 = t.held.Model.ID, t.held.Model.SHA256
		op.Price = func(ctx context.Context) access.Cost { return t.price(ctx, p.Account()) }
	}
	if t.pass, err = s.d.Guard.Enter(ctx, p, op); err != nil {
		done()
		return nil, nil, err
	}
	return t, done, nil
}

// take answers the model that a name means: one that chats, or a guard, which writes too.
func (s *Service) take(ctx context.Context, name string) (*manager.Hold, error) {
	h, err := s.d.Models.Take(ctx, catalog.KindChat, name)
	if err != nil || h.Model.Kind != catalog.KindGuard {
		return h, err
	}
	h.Done()
	return s.d.Models.Take(ctx, catalog.KindGuard, name)
}

// reject leaves the row of a request that never entered.
func (s *Service) reject(ctx context.Context, p access.Principal, op access.Op, cause error) error {
	op.Operation = "" // no model was used
	if err := s.d.Guard.Reject(ctx, p, op, audit.Error, string(fault.CodeOf(cause))); err != nil {
		return err
	}
	return cause
}

// ask answers what the model is to be asked. It refuses a model that is not in memory or cannot write, and a conversation that its
// template or its context has no place for.
func (t *turn) ask() (asked, error) {
	if t.asked.refused != nil {
		return asked{}, t.asked.refused
	}
	r, err := t.held.Resident()
	if err != nil {
		return asked{}, err
	}
	if t.asked.by == r {
		return t.asked, nil
	}
	a := asked{by: r}
	var ok bool
	if a.voice, ok = r.Content.(Voice); !ok {
		return asked{}, fault.New(fault.Invalid, "This model does not write text.").WithField("model")
	}
	if a.prompt, err = a.voice.Encode(t.r.Messages); err != nil {
		if f := fault.From(err); f.Code == fault.Invalid {
			return asked{}, f.WithField("messages")
		}
		return asked{}, err
	}
	n, slot := len(a.prompt.IDs), r.What.SlotTokens
	switch {
	case a.prompt.BodyIDs > t.tuning.MaxInputTokens:
		return asked{}, fault.Newf(fault.TooLarge, "The messages have %d tokens; the limit models.max_input_tokens is %d.", a.prompt.BodyIDs, t.tuning.MaxInputTokens).WithField("messages")
	case n >= slot:
		return asked{}, fault.Newf(fault.TooLarge, "With the model's template the messages have %d tokens; its context holds %d, the answer included.", n, slot).WithField("messages")
	}
	if a.most = min(t.tuning.MaxTokens, slot-n); t.r.MaxTokens != nil {
		a.most = min(a.most, *t.r.MaxTokens)
	}
	return a, t.r.sampling(0).Check(r.What.Vocabulary)
}

// price answers what the answer takes of quotas at most: the prompt's tokens and all that it may have itself, and of the model's
// time as much as so many took it so far. It is one of each where that can't be known, because the model is not there or the
// request is refused for its texts, which ask then says. A large request waits for its turn.
func (t *turn) price(ctx context.Context, account string) (c access.Cost) {
	least := access.Cost{Tokens: 1, ComputeMS: 1}
	defer func() {
		if recover() != nil { // what breaks here breaks in ask again, where it leaves its row
			t.asked, c = asked{}, least
		}
	}()
	if t.r.size() > large {
		done, err := t.place(ctx, account)
		if err != nil {
			t.asked.refused = err
			return least
		}
		defer done()
	}
	a, err := t.ask()
	if err != nil {
		return least
	}
	t.asked = a
	tokens := int64(len(a.prompt.IDs) + a.most)
	return access.Cost{Tokens: tokens, ComputeMS: t.s.paces.expect(t.held.Model.ID, tokens)}
}

// place waits until a large request may be cut. It refuses one that the model would refuse after.
func (t *turn) place(ctx context.Context, account string) (done func(), err error) {
	if err := t.s.d.Scheduler.Room(t.held.Model.ID, account); err != nil {
		return nil, err
	}
	return t.s.pricing.Take(ctx, account)
}

// paces are how long models took over their tokens so far.
type paces struct {
	mu sync.Mutex
	of map[string]pace
}

type pace struct{ tokens, ms float64 }

// expect answers how many milliseconds so many tokens would take, one for each where nothing is known.
func (p *paces) expect(model string, tokens int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := p.of[model]; k.tokens > 0 {
		return int64(math.Ceil(k.ms / k.tokens * float64(tokens)))
	}
	return tokens
}

func (p *paces) note(model string, tokens int, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = map[string]pace{}
	}
	k := p.of[model]
	p.of[model] = pace{k.tokens + float64(tokens), k.ms + took.Seconds()*1e3}
}
