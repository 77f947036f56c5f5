package manager

import (
	"context"
	"errors"
	"os"

	"guardhouse/internal/catalog"
	"guardhouse/internal/inference"
)

// foreseen is what is known ahead of a load of what a model will take.
type foreseen struct {
	sha256 string
	spec   inference.Spec // before any room was looked at
	shape  inference.Shape
	least  inference.Memory // when it was last held against the room
	unread bool             // its file cannot be read, as it was then
	file   os.FileInfo
}

// Takes answers what a model is held to take: one in memory as it was when it came there, any other beside what is there now.
// It is false while that is not known.
func (s *Service) Takes(m catalog.Model) (inference.Memory, bool) {
	s.mu.RLock()
	of, known := s.takes[m.ID]
	here := s.models[m.ID] != nil
	s.mu.RUnlock()
	e, ok := s.d.Engine.(inference.Estimator)
	switch {
	case !ok || !known || of.unread || of.sha256 != m.SHA256:
		return inference.Memory{}, false
	case here:
		return of.least, true
	}
	return bound(e, &of.spec, of.shape, s.Room()), true
}

// foretell notes what a model is held to take. What stands of one in memory stays: it is from its load.
func (s *Service) foretell(id string, of foreseen) {
	s.mu.Lock()
	before, known := s.takes[id]
	r := s.models[id]
	stays := r != nil && r.Model.SHA256 == of.sha256
	if !stays {
		s.takes[id] = of
	}
	s.mu.Unlock()
	if !stays && (!known || before.sha256 != of.sha256 || before.least != of.least) {
		s.d.Catalog.Touch(id)
	}
}

// foreseeDue finds out beside Run's looks what models would take: a large file's header is much to read.
func (s *Service) foreseeDue(ctx context.Context, due <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-due:
			s.foresee(ctx)
		}
	}
}

// foresee finds out what every model would take whose page can't say it yet.
func (s *Service) foresee(ctx context.Context) {
	all, err := s.d.Catalog.All(ctx)
	if err != nil {
		return
	}
	for _, m := range all {
		if ctx.Err() != nil || !s.unforeseen(m) {
			continue
		}
		file := s.d.Catalog.Stat(m)
		if err := s.Fits(ctx, m); err != nil && !errors.Is(err, inference.ErrNoRoom) && ctx.Err() == nil {
			s.foretell(m.ID, foreseen{sha256: m.SHA256, unread: true, file: file})
		}
	}
}

// unforeseen says that nobody knows yet what a model would take, and that no load is about to find out.
func (s *Service) unforeseen(m catalog.Model) bool {
	if _, ok := s.d.Engine.(inference.Estimator); !ok || s.loaders[m.Kind] == nil || s.has(m) {
		return false
	}
	s.mu.RLock()
	of, known := s.takes[m.ID]
	busy := s.bring != nil && s.bring.id != m.ID
	s.mu.RUnlock()
	switch {
	case known && of.sha256 == m.SHA256 && !of.unread:
		return false
	case known && of.sha256 == m.SHA256 && sameFile(of.file, s.d.Catalog.Stat(m)):
		return false
	case m.State == catalog.StateLoading:
		return busy // it waits for another, which may take minutes
	}
	return true
}
