package moderation

import (
	"sync"

	"guardhouse/internal/db"
	"guardhouse/internal/inference"
)

// RuntimeRef says what computed a verdict, so far as it changes the numbers.
type RuntimeRef struct {
	Build   string `json:"build"`    // this program: version and commit
	Engine  string `json:"engine"`   // the engine's module and the commit of llama.cpp in it
	Device  string `json:"device"`   // inference.Description's word
	Kernels string `json:"kernels"`  // inference.Description's word
	Flash   bool   `json:"flash"`    // flash attention
	KVCache string `json:"kv_cache"` // what keys and values were kept in
}

func runtimeOf(build string, d inference.Description) RuntimeRef {
	return RuntimeRef{Build: build, Engine: d.Runtime, Device: d.Device, Kernels: d.Kernels, Flash: d.Flash, KVCache: d.Cache}
}

// runtimes are the rows of the table that this process has asked for. A row is never removed, so a number stays good.
type runtimes struct {
	mu sync.RWMutex
	id map[RuntimeRef]int64
}

// runtimeID answers the row's number of what computes, and makes the row where this is the first verdict of it. It has a
// transaction of its own: a number that is remembered must be durable.
func (s *Service) runtimeID(r RuntimeRef) (int64, error) {
	s.runtimes.mu.RLock()
	id, known := s.runtimes.id[r]
	s.runtimes.mu.RUnlock()
	if known {
		return id, nil
	}
	err := s.d.DB.Write(func(tx *db.Tx) (err error) {
		id, err = internRuntime(tx, r)
		return err
	})
	if err != nil {
		return 0, err
	}
	s.runtimes.mu.Lock()
	defer s.runtimes.mu.Unlock()
	s.runtimes.id[r] = id
	return id, nil
}
