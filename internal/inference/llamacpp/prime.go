package llamacpp

import (
	"context"
	"slices"
)

// primeJob asks a lane to hold prefixes ready. done has room for the one result.
type primeJob struct {
	ctx      context.Context //nolint:containedctx // a message between goroutines, not a long-lived object
	prefixes [][]int32
	done     chan error
}

// prime deals the prefixes over the slots, which are all free: each is computed once and copied to the
// other slots that get it. One more pass is then run and dropped, so that the copies and the first
// allocation of buffers do not fall on the first query.
func (l *lane) prime(p *primeJob) error {
	l.mu.Lock()
	if !l.stopped {
		l.core.abort(false)
	}
	l.mu.Unlock()
	first := make(map[int]*slot)
	for i, s := range l.slots {
		k := i % len(p.prefixes)
		prefix := p.prefixes[k]
		s.resident, s.held = nil, 0
		if err := l.core.keep(s.id, 0); err != nil {
			return err
		}
		if src := first[k]; src != nil {
			if err := l.core.copySlot(src.id, s.id); err != nil {
				return err
			}
		} else if err := l.compute(p.ctx, s, prefix); err != nil {
			return err
		}
		if first[k] == nil {
			first[k] = s
		}
		s.resident, s.held = slices.Clone(prefix), len(prefix)
	}
	return l.rehearse(p.prefixes[0][0])
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
