package llamacpp

import (
	"context"
	"time"

	"guardhouse/internal/inference"
)

// hugeWeights is the size of a model from which nothing is tried: one prompt takes seconds, its operations are long enough
// to hide what threads wait for each other, and each further lane would read all weights once more.
const hugeWeights = 2 << 30

// means is what a choice is made with.
type means struct {
	open   func(laneLimits) (core, error)
	now    func() time.Time
	within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	room   int64 // bytes that may still be taken, 0 = unknown
	trials *trials
	// What a trial depends on and the plan does not say.
	kernels string
	file    int64 // bytes
}

// settle decides what was left open: lanes and slots, by trying where that was asked for and says more
// than size and machine, and within the memory that is there. It refuses with fault.Unprocessable what does not fit, and
// ends with ctx's error.
func (p *plan) settle(ctx context.Context, s inference.Spec, m means) error {
	all := p.fitting(s, m.room)
	switch {
	case p.givenLanes:
		p.choice.Why = layout{p.lanes, p.lane.share}.String() + " as set"
	case len(all) == 1:
		p.choice.Why = all[0].String() + ": there is no other choice"
	default:
		p.choice.Why = layout{p.lanes, p.lane.share}.String() + " by the size of the model"
	}
	if !s.Measure || p.weightBytes > hugeWeights || len(all) == 1 {
		if !p.givenLanes {
			p.deal(guess(all, p.weightBytes).lanes, s.Slots)
		}
		return p.squeeze(m.room)
	}
	about, guessed := p.subject(s, m, all), guess(all, p.weightBytes)
	if found, known := m.trials.take(about, all, guessed); known {
		return p.settleOn(found, s, m)
	}
	t := &trial{
		rig: p.rig(m), layouts: all, weightBytes: p.weightBytes, threads: p.threads, budget: largeTrial, within: m.within,
	}
	if p.weightBytes <= laneWeights {
		t.budget = smallTrial
	}
	found, err := t.measure(ctx)
	if err != nil {
		return err
	}
	m.trials.note(about, found)
	return p.settleOn(found, s, m)
}

// settleOn takes over what was found.
func (p *plan) settleOn(found tried, s inference.Spec, m means) error {
	p.choice, p.late = found.Choice, found.late
	p.deal(found.layout.lanes, s.Slots)
	return p.squeeze(m.room)
}

// fitting answers the layouts that may be chosen from: the one that was asked for, else those whose lanes fit into the
// memory with a slot each. There is always one.
func (p *plan) fitting(s inference.Spec, room int64) []layout {
	if p.givenLanes {
		return []layout{{p.lanes, p.lane.share}}
	}
	all := p.layouts(s.Slots)
	for len(all) > 1 && room > 0 {
		last, q := all[len(all)-1], *p
		q.deal(last.lanes, max(s.Slots, last.lanes))
		if q.need.of(q.lane, q.lanes) <= int64(float64(room)*roomShare) {
			break
		}
		all = all[:len(all)-1]
	}
	return all
}

// rig answers what tries the plan, with short windows: what is cut off is memory, not work.
func (p *plan) rig(m means) *rig {
	l := p.lane
	l.slots, l.batch = minSlots, max(chunk, minSlots*trialIDs)
	l.slotTokens, l.share = cellStep, 1
	return &rig{open: m.open, now: m.now, limits: l}
}
