package llamacpp

import (
	"context"
	"errors"
	"slices"
)

// unread answers a slot whose row could not be read. Where attention also passes over cells that are not its own, at no weight,
// a number that is none in one of them spoils every text: nobody is seated any more until the cells were cleared.
func (l *lane) unread(s *slot, err error) {
	l.spoilt = l.spoilt || l.core.info().passesOver && errors.Is(err, errNotFinite)
	l.answer(s, l.failure(s.job, err), s.job.w == nil) // nobody goes on with a text whose numbers are none
}

// wipe clears the cells of a lane without queries, and computes its prefixes anew. Where that fails the queries compute them, or
// are told why they cannot.
func (l *lane) wipe() {
	if err := l.core.wipe(); err != nil {
		return // still spoilt: the next query finds it so and is answered that it failed
	}
	l.spoilt = false
	for _, s := range slices.Concat(l.shelf, l.slots) {
		s.resident, s.held = nil, 0
		l.forget(s)
	}
	if len(l.primed) == 0 {
		return
	}
	// What is left half primed is empty, and a lane that is being closed aborts this.
	if err := l.prime(&primeJob{ctx: context.Background(), prefixes: l.primed}); err != nil {
		return
	}
}
