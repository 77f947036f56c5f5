package manager

import (
	"errors"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// How much of loading each stage is, about: hashing and reading run over every byte of the file, what follows does not.
const (
	checkedPart = 0.35
	readPart    = 0.55
)

// telling answers who records how far a stage of loading is, of which share begins at from.
func (s *Service) telling(id, stage string, from, share float64) func(done float64) {
	return func(done float64) {
		s.d.Catalog.SetProgress(id, stage, from+share*done)
	}
}

// reading tells how much of the weights is read; once all are, the rest is preparing.
func (s *Service) reading(id string) func(done float64) {
	reading := s.telling(id, catalog.StageReading, checkedPart, readPart)
	return func(done float64) {
		if reading(done); done >= 1 {
			s.d.Catalog.SetProgress(id, catalog.StagePreparing, checkedPart+readPart)
		}
	}
}

// reasonOf answers in one word why a model is not there.
func reasonOf(err error) string {
	if reason := catalog.FileFault(err); reason != "" {
		return reason
	}
	if errors.Is(err, inference.ErrNoRoom) {
		return catalog.NoMemory
	}
	switch fault.CodeOf(err) {
	case fault.NotAvailable:
		return catalog.NoEngine
	case fault.Invalid, fault.Unprocessable, fault.TooLarge:
		return catalog.FileRefused
	default:
		return catalog.Broken
	}
}

// Layout answers how a model runs; false where it is not in memory. It decides nothing about who may know.
func (s *Service) Layout(id string) (inference.Description, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, ok := s.models[id]
	if !ok {
		return inference.Description{}, false
	}
	return r.What, true
}

// Loaded answers which load brought a model into memory, by a number that no other load of this process has; 0 where it is not there.
func (s *Service) Loaded(id string) uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if r := s.models[id]; r != nil {
		return r.load
	}
	return 0
}
