package manager

import (
	"context"
	"maps"
	"os"
	"slices"
	"time"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
)

// leaving is a model on its way out of memory.
type leaving struct {
	r       *Resident // nil once its memory is free
	freeing bool      // somebody waits for the last lease
	shut    bool      // the scheduler was told to let go of it: nobody gets a lease any more
}

// leasesEnd is how long one look waits for those who still use a model that goes; the next one goes on.
const leasesEnd = 200 * time.Millisecond

// observe holds what is in memory against the catalogue, the clock and the files, and takes out what is to go. It loads nothing.
func (s *Service) observe(ctx context.Context) error {
	s.confirmAll(ctx)
	if _, err := s.d.Catalog.Refresh(ctx); err != nil {
		return err
	}
	all, err := s.d.Catalog.All(ctx)
	if err != nil {
		return err
	}
	s.rest(all)
	s.dismiss(all)
	for _, id := range s.goers() {
		if err := s.free(ctx, id); err != nil && fault.CodeOf(err) != fault.Busy && ctx.Err() == nil {
			s.d.Log.Warn("a model on its way out is still in use", "model", id, "err", err)
		}
	}
	return nil
}

// rest takes out what nobody used for long. The default guard stays.
func (s *Service) rest(all []catalog.Model) {
	after := s.tuning.Load().Idle
	if after <= 0 {
		return
	}
	for _, m := range all {
		if restless(m) {
			continue
		}
		s.mu.Lock()
		r := s.models[m.ID]
		if r == nil || r.holds > 0 || s.o.Now().Sub(time.Unix(0, r.used.Load())) < after {
			s.mu.Unlock()
			continue
		}
		s.idle[m.ID] = m.AskedAt
		s.depart(r)
		s.d.Catalog.SetUnloaded(m.ID, catalog.Idle)
		s.mu.Unlock()
		s.d.Log.Info("a model was not used for long and goes out of memory", "model", m.ID)
	}
}

// restless says that a model stays in memory however long nobody used it.
func restless(m catalog.Model) bool {
	return m.Kind == catalog.KindGuard && (m.Default || m.Next)
}

// dismiss takes out what is not wanted any more, and gives up the load of such a one.
func (s *Service) dismiss(all []catalog.Model) {
	known := make(map[string]catalog.Model, len(all))
	for _, m := range all {
		known[m.ID] = m
		if m.State != catalog.StateUnloaded && m.Wanted != catalog.WantLoaded && s.loaders[m.Kind] != nil && !s.wanted(m) {
			s.absent(m)
		}
	}
	s.mu.Lock()
	resident := maps.Clone(s.models)
	if b := s.bring; b != nil {
		if m, ok := known[b.id]; !ok || m.Wanted != catalog.WantLoaded && !m.Default && !m.Next {
			b.cancel()
		}
	}
	s.mu.Unlock()
	for id, r := range resident {
		m, ok := known[id]
		if ok && (s.wanted(m) || m.Default && followed(all, m)) {
			continue
		}
		s.out(r)
	}
}

// absent shows a model that is not wanted as unloaded, unless it is in memory still.
func (s *Service) absent(m catalog.Model) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.models[m.ID]; r == nil || r.Model.SHA256 != m.SHA256 {
		s.d.Catalog.SetUnloaded(m.ID, catalog.ByHand)
	}
}

// followed says that another model is to take m's place as the default: m serves until that is there, or wants its memory.
func followed(all []catalog.Model, m catalog.Model) bool {
	return slices.ContainsFunc(all, func(o catalog.Model) bool { return o.Next && o.Kind == m.Kind })
}

// out takes a model where no new request finds it. Its memory is freed once nobody uses it.
func (s *Service) out(r *Resident) {
	s.mu.Lock()
	current := s.models[r.Model.ID] == r
	if current {
		s.depart(r)
		s.d.Catalog.SetUnloaded(r.Model.ID, catalog.ByHand)
	}
	s.mu.Unlock()
	if current {
		s.d.Log.Info("a model goes out of memory", "model", r.Model.ID)
	}
}

// depart moves a model among those that leave. The caller holds mu.
func (s *Service) depart(r *Resident) {
	delete(s.models, r.Model.ID)
	s.leaving[r.Model.ID] = &leaving{r: r}
}

// back lets a model that was on its way out stay, unless its memory is being given back.
func (s *Service) back(m catalog.Model) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.leaving[m.ID]
	if l == nil || l.r == nil || l.shut || l.r.changed.Load() || l.r.Model.SHA256 != m.SHA256 {
		return false
	}
	s.enter(l.r, s.took[m.ID])
	return true
}

func (s *Service) goers() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.leaving))
}

// free gives back the memory and the file of a model on its way out. One that requests began with and whose file is whole stays
// for them: Busy.
func (s *Service) free(ctx context.Context, id string) error {
	s.mu.Lock()
	l := s.leaving[id]
	switch {
	case l == nil || l.r == nil:
		s.mu.Unlock()
		return nil
	case l.freeing || l.r.holds > 0 && !l.r.changed.Load():
		s.mu.Unlock()
		return fault.New(fault.Busy, "the model is still in use")
	}
	l.freeing, l.shut = true, true
	r := l.r
	s.mu.Unlock()

	wait, cancel := context.WithTimeout(ctx, leasesEnd)
	defer cancel()
	err := s.d.Scheduler.Remove(wait, id)
	s.mu.Lock()
	l.freeing = false
	if err == nil {
		l.r = nil
		delete(s.leaving, id)
		s.freed++
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.Kick() // what did not fit may now
	return r.file.Close()
}

// yield takes out the default model that is to make room at once for the one that follows it, and says whether its memory is free
// now. Where somebody still uses it, the one that follows is due once it is.
func (s *Service) yield(ctx context.Context, next catalog.Model) bool {
	all, err := s.d.Catalog.All(ctx)
	if err != nil || !next.Next {
		return false
	}
	i := slices.IndexFunc(all, func(m catalog.Model) bool {
		return m.Kind == next.Kind && m.Default && m.Wanted == catalog.WantUnloaded
	})
	if i < 0 {
		return false
	}
	s.mu.RLock()
	r := s.models[all[i].ID]
	s.mu.RUnlock()
	if r != nil {
		s.out(r)
	}
	if s.free(ctx, all[i].ID) != nil {
		s.d.Catalog.SetState(next.ID, catalog.StateLoading, "")
		return false
	}
	return true
}

// confirmAll holds every loaded model's file against what was hashed.
func (s *Service) confirmAll(ctx context.Context) {
	s.mu.RLock()
	all := slices.Collect(maps.Values(s.models))
	s.mu.RUnlock()
	for _, r := range all {
		if err := r.file.Confirm(ctx); err != nil && ctx.Err() == nil {
			s.withdraw(r, err)
		}
	}
}

// withdraw stops the use of a model whose file changed under it.
func (s *Service) withdraw(r *Resident, err error) {
	r.changed.Store(true)
	id := r.Model.ID
	s.mu.Lock()
	current := s.models[id] == r
	if current {
		s.depart(r)
		s.d.Catalog.SetFailed(id, reasonOf(err), fault.From(err).Message)
	}
	s.mu.Unlock()
	if !current {
		return // withdrawn by another, or replaced since
	}
	s.d.Log.Error("a model's file changed in use", "model", id, "err", err)
}

// Distrust stops the use of a model whose file was found to be another.
func (s *Service) Distrust(id string, err error) {
	s.mu.RLock()
	r := s.models[id]
	s.mu.RUnlock()
	if r != nil {
		s.withdraw(r, err)
	}
}

// sameFile says that nobody wrote a or put another in its place since b was looked at.
func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && a.Mode() == b.Mode()
}
