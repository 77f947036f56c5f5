package llamacpp

import (
	"context"
	"errors"
	"time"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

const (
	// Most of a trial, by the size of the model: a small one answers its first query within two seconds of the start.
	smallTrial, largeTrial = 500 * time.Millisecond, 2 * time.Second
	probeIDs               = 16
)

// size is how much work a trial is: ids of a prompt, most prompts of a pass, passes of a lane in a round, and rounds, whose
// median counts.
type size struct{ ids, prompts, passes, rounds int }

// of answers the prompts of one pass of a layout, as many as it would have slots for.
func (z size) of(l layout) int { return max(1, min(z.prompts, max(minSlots/l.lanes, slotsPerLane))) }

// sizes are tried in order until one fits into the time: from what a busy server has to what still tells threads apart.
func sizes() []size {
	return []size{{trialIDs, minSlots, 2, 5}, {trialIDs, 1, 1, 3}, {32, 1, 1, 3}, {16, 1, 1, 3}}
}

// cost estimates the time of all rounds, at so much an id on one thread.
func (z size) cost(all []layout, threads int, each time.Duration) time.Duration {
	ids := 2 * float64(z.ids) * (1 + 1/float64(threads)) // alone, on one thread and on all
	for _, l := range all {
		ids += float64(z.of(l)*z.ids*(1+z.passes)) / float64(l.threads)
	}
	return time.Duration(float64(z.rounds) * ids * float64(each))
}

// trial is a choice of layout by trying.
type trial struct {
	rig         *rig
	layouts     []layout
	weightBytes int64
	threads     int
	budget      time.Duration
	within      func(context.Context, time.Duration) (context.Context, context.CancelFunc)
}

// tried is what a trial found.
type tried struct {
	layout layout
	late   bool // it did not end in time
	cut    bool // not all of its rounds did: this process goes by it, and no other
	inference.Choice
}

// errTooLong says that a model is too slow to be tried.
var errTooLong = errors.New("a trial would take too long")

// measure tries what there is to choose from. It stops when its budget is spent, ends with ctx's error when ctx ends, and
// answers the guess where the time is too short to know better.
func (t *trial) measure(ctx context.Context) (tried, error) {
	start := t.rig.now()
	guessed := guess(t.layouts, t.weightBytes)
	found := tried{layout: guessed}
	limited, cancel := t.within(ctx, t.budget)
	defer cancel()
	defer t.rig.close()
	defer context.AfterFunc(limited, t.rig.abort)()
	each, err := t.probe()
	if err == nil {
		err = t.compareLayouts(&found, each, t.budget-t.rig.now().Sub(start))
	}
	found.Took = t.rig.now().Sub(start)
	switch {
	case ctx.Err() != nil:
		return found, fault.From(ctx.Err())
	case err == nil:
	case errors.Is(err, errTooLong), errors.Is(err, errAborted):
		// What did end is too little to go by.
		found.late, found.layout, found.Trials, found.Solo, found.Wide, found.IDs = true, guessed, nil, 0, 0, 0
		found.Why = guessed.String() + " by the size of the model: a trial did not end in time"
	default:
		return found, err
	}
	return found, nil
}

// probe answers the time of an id on one thread.
func (t *trial) probe() (time.Duration, error) {
	d, err := t.rig.alone(probeIDs, 1)
	if err == nil && d > t.budget/4 {
		err = errTooLong
	}
	return d / probeIDs, err
}

// compareLayouts fills in what was found. The rounds are interleaved, so that what disturbs one disturbs all.
func (t *trial) compareLayouts(found *tried, each, left time.Duration) error {
	z, err := t.fit(each, left)
	if err != nil {
		return err
	}
	took := make([][]time.Duration, len(t.layouts))
	var solo, wide []time.Duration
	for n := range z.rounds {
		err := t.round(z, took, &solo, &wide)
		if n > 0 && errors.Is(err, errAborted) {
			found.cut = true
			break // the time is over, and everything had a turn
		}
		if err != nil {
			return err
		}
	}
	for i, l := range t.layouts {
		prompts := float64(l.lanes * z.of(l) * z.passes)
		found.Trials = append(found.Trials, inference.Trial{
			Lanes: l.lanes, Threads: l.threads, PerSecond: prompts / max(median(took[i]).Seconds(), 1e-9),
		})
	}
	found.IDs, found.Solo, found.Wide = z.ids, median(solo), median(wide)
	found.layout, found.Why = pick(found.Trials, found.layout)
	return nil
}

// round gives every layout a turn, and then one prompt on one thread and on all.
func (t *trial) round(z size, took [][]time.Duration, solo, wide *[]time.Duration) error {
	for i, l := range t.layouts {
		d, err := t.rig.saturate(l, z.of(l), z.ids, z.passes)
		if err != nil {
			return err
		}
		took[i] = append(took[i], d)
	}
	d, err := t.rig.alone(z.ids, 1)
	if err != nil {
		return err
	}
	*solo = append(*solo, d)
	if d, err = t.rig.alone(z.ids, t.threads); err != nil {
		return err
	}
	*wide = append(*wide, d)
	return nil
}

// fit answers the largest size whose rounds fit into three quarters of the time: contexts have to be made in it too.
func (t *trial) fit(each, left time.Duration) (size, error) {
	for _, z := range sizes() {
		if z.cost(t.layouts, t.threads, each) <= left*3/4 {
			return z, nil
		}
	}
	return size{}, errTooLong
}
