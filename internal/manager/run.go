package manager

import (
	"context"
	"sync"
	"time"

	"guardhouse/internal/fault"
)

// lookEvery is how often the catalogue, the files and the clock are asked: twice within the second in which a server promises to
// notice what other processes want.
const lookEvery = 400 * time.Millisecond

// Run keeps in memory what is wanted there until ctx ends. A model that cannot be loaded is shown as failed and keeps readiness
// off if it is the default guard; it does not stop the server. loaded hears once how the first loads ended, and looked of each look.
func (s *Service) Run(ctx context.Context, loaded func(error), looked func()) {
	due, unforeseen := make(chan struct{}, 1), make(chan struct{}, 1)
	var work sync.WaitGroup
	work.Go(func() {
		s.resume(ctx)
		loaded(s.Load(ctx))
		s.bringDue(ctx, due)
	})
	work.Go(func() { s.foreseeDue(ctx, unforeseen) })
	defer work.Wait()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.kicked:
		}
		if err := s.observe(ctx); err != nil && fault.CodeOf(err) != fault.Canceled {
			s.d.Log.Warn("reading the catalogue", "err", err)
		}
		for _, awaits := range []chan struct{}{due, unforeseen} {
			select {
			case awaits <- struct{}{}:
			default: // it is at work, and looks again after
			}
		}
		looked()
	}
}

// bringDue loads beside Run's looks: a load of minutes keeps nobody from unloading another model, or that one.
func (s *Service) bringDue(ctx context.Context, due <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-due:
			_ = s.loadAll(ctx) // it says itself why not, in the catalogue and in the log
		}
	}
}
