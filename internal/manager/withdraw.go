package manager

import (
	"context"
	"maps"
	"os"
	"time"

	"guardhouse/internal/fault"
)

// withdrawn is a model whose file changed in use. It changes under Service.loading alone.
type withdrawn struct {
	r     *Resident   // nil once its memory is free
	tried bool        // loading it again was tried,
	seen  os.FileInfo // with this file; nil = there was none
}

// leasesEnd is how long one Refresh waits for those who still use a withdrawn model; the next one goes on.
const leasesEnd = 200 * time.Millisecond

// confirmAll holds every loaded model's file against what was hashed.
func (s *Service) confirmAll(ctx context.Context) {
	s.mu.RLock()
	all := make([]*Resident, 0, len(s.models))
	for _, r := range s.models {
		all = append(all, r)
	}
	s.mu.RUnlock()
	for _, r := range all {
		if err := r.file.Confirm(ctx); err != nil && ctx.Err() == nil {
			s.withdraw(r, err)
		}
	}
}

// withdraw stops the use of a model whose file changed under it. Its memory is freed by Refresh, once nobody uses it.
func (s *Service) withdraw(r *Resident, err error) {
	id := r.Model.ID
	s.mu.Lock()
	current := s.models[id] == r
	if current {
		delete(s.models, id)
		s.withdrawn[id] = &withdrawn{r: r}
	}
	s.mu.Unlock()
	if !current {
		return // withdrawn by another, or replaced since
	}
	s.d.Catalog.SetFailed(id, reasonOf(err), fault.From(err).Message)
	s.d.Log.Error("a model's file changed in use", "model", id, "err", err)
}

// readmit frees what was withdrawn, and loads it again when its file is another than at the last try. Whether it is the right
// one says its hash, as at every load.
func (s *Service) readmit(ctx context.Context) error {
	s.mu.RLock()
	out := maps.Clone(s.withdrawn)
	s.mu.RUnlock()
	if len(out) == 0 {
		return nil
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	all, err := s.d.Catalog.All(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		w := out[m.ID]
		if w == nil {
			continue
		}
		if err := s.free(ctx, m.ID); err != nil {
			s.d.Log.Warn("a withdrawn model is still in use", "model", m.ID, "err", err)
			continue
		}
		seen, _ := os.Stat(m.Path) // no file is an answer too
		if w.tried && sameFile(w.seen, seen) {
			continue
		}
		w.tried, w.seen = true, seen
		_ = s.load(ctx, m, true) // it says itself why not, in the catalogue and in the log
	}
	return nil
}

// free gives back the memory and the file of a withdrawn model. The caller holds loading.
func (s *Service) free(ctx context.Context, id string) error {
	s.mu.RLock()
	w := s.withdrawn[id]
	s.mu.RUnlock()
	if w == nil || w.r == nil {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, leasesEnd)
	defer cancel()
	if err := s.d.Scheduler.Remove(wait, id); err != nil {
		return err
	}
	file := w.r.file
	w.r = nil
	return file.Close()
}

// sameFile says that nobody wrote a or put another in its place since b was looked at.
func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && a.Mode() == b.Mode()
}
