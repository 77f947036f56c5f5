package access

import (
	"context"
	"sync"
	"time"

	"guardhouse/internal/fault"
)

// recheckEvery is how often whoever answers for longer than one request is asked about (threat A4).
const recheckEvery = 5 * time.Second

// Still answers a caller as he is now, and refuses him whose session, key or account has ended.
type Still func(ctx context.Context, p Principal) (Principal, error)

// While answers a context that ends with ctx, with stop, and within seconds of the moment at which the pass would not be given any
// more: the session, key or account ended, the role, a rule or a condition is another. context.Cause says why. It is for answers
// that go on; nothing is charged and no row is left. The command line has no credential that could end; nil = nobody can say.
func (p *Pass) While(ctx context.Context, still Still) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	fire := time.NewTicker(p.guard.recheck)
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-fire.C:
			}
			if err := p.again(ctx, still); err != nil {
				cancel(err)
				return
			}
		}
	})
	return ctx, func() {
		fire.Stop()
		cancel(context.Canceled)
		watch.Wait()
	}
}

// again decides anew about who entered, as he is now.
func (p *Pass) again(ctx context.Context, still Still) error {
	who, g := p.principal, p.guard
	if still != nil && who.Kind != KindSystem {
		fresh, err := still(ctx, who)
		if err != nil {
			return err
		}
		fresh.Origin = who.Origin
		who = fresh
	}
	s := g.current.Load()
	if !s.decide(s.set, asked{s.member(who), p.op.Model, g.now()}, p.op).allowed {
		return fault.New(fault.Forbidden, "You may not do this any more.")
	}
	return nil
}
