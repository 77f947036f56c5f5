package llamacpp

import (
	"context"
	"slices"

	"guardhouse/internal/inference"
)

// primeJob asks a lane to hold prefixes ready. done has room for the one result.
type primeJob struct {
	ctx      context.Context //nolint:containedctx // a message between goroutines, not a long-lived object
	prefixes [][]int32
	done     chan error
}

// prime puts the prefixes on the shelf, as many as it has room for, and deals them over the slots, which are all free:
// each is computed once and copied to all that get it. One more pass is then run and dropped, so that the first
// allocation of buffers does not fall on the first query.
func (l *lane) prime(p *primeJob) error {
	l.mu.Lock()
	if !l.stopped {
		l.core.abort(false)
	}
	l.mu.Unlock()
	l.primed = p.prefixes
	for _, s := range slices.Concat(l.shelf, l.slots) {
		s.resident, s.held = nil, 0
		l.forget(s)
		if err := l.core.keep(s.id, 0); err != nil {
			return err
		}
	}
	for i, s := range l.shelf[:min(len(l.shelf), len(p.prefixes))] {
		if len(p.prefixes[i]) > shelfIDs {
			continue
		}
		if err := l.fill(p.ctx, s, p.prefixes[i]); err != nil {
			return err
		}
	}
	for i, s := range l.slots {
		if err := l.fill(p.ctx, s, p.prefixes[i%len(p.prefixes)]); err != nil {
			return err
		}
	}
	return l.rehearse(p.prefixes[0][0])
}

// fill brings a prefix into an empty slot: from one that holds it, which during prime holds nothing else, or by computing it.
func (l *lane) fill(ctx context.Context, s *slot, prefix []int32) error {
	var err error
	if src := l.holder(inference.Query{Prompt: prefix, Prefix: len(prefix)}); src != nil {
		err = l.core.copySlot(src.id, s.id)
	} else {
		err = l.compute(ctx, s, prefix)
	}
	if err == nil {
		s.resident, s.held = slices.Clone(prefix), len(prefix)
	}
	return err
}

// compute fills a slot with ids, a chunk a pass. On an error the slot is left empty.
func (l *lane) compute(ctx context.Context, s *slot, ids []int32) error {
	for at := 0; at < len(ids); {
		n := min(chunk, l.core.info().batch, len(ids)-at)
		l.pass.reset()
		for i, id := range ids[at : at+n] {
			l.pass.add(s.id, at+i, id, false)
		}
		err := ctx.Err()
		if err == nil {
			err = l.decode()
		}
		if err != nil {
			l.clear(s, false)
			return err
		}
		at += n
	}
	return nil
}

// rehearse runs one id on every slot that has room for it, and drops it again.
func (l *lane) rehearse(id int32) error {
	l.pass.reset()
	for _, s := range l.slots {
		if s.held < l.core.info().slotTokens {
			l.pass.add(s.id, s.held, id, true)
		}
	}
	if len(l.pass.ids) == 0 {
		return nil
	}
	err := l.decode()
	for _, s := range l.slots {
		if err != nil {
			l.clear(s, false)
		} else if err = l.core.keep(s.id, s.held); err != nil {
			return err
		}
	}
	return err
}
