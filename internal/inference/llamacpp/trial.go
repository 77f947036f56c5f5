package llamacpp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

const (
	// Most of a trial, by the size of the model: a small one answers its first query within two seconds of the start.
	smallTrial, largeTrial = 500 * time.Millisecond, 2 * time.Second
	trialRounds            = 3 // the median of as many counts
	probeIDs               = 16
	// flashWorthIt is what flash attention must lose by to be switched off: it needs less memory.
	flashWorthIt = 1.05
)

// size is how much work one round of a trial is.
type size struct{ ids, prompts, passes int } // ids of a prompt, most prompts of a pass, passes of a lane

// of answers the prompts of one pass of a layout, as many as it would have slots for.
func (z size) of(l layout) int { return max(1, min(z.prompts, max(minSlots/l.lanes, slotsPerLane))) }

// sizes are tried in order until one fits into the time: from what a busy server has to what still tells threads apart.
func sizes() []size { return []size{{trialIDs, minSlots, 2}, {trialIDs, 1, 1}, {32, 1, 1}, {16, 1, 1}} }

// cost estimates the time of one round of everything, at so much an id on one thread.
func (z size) cost(all []layout, threads int, each time.Duration) time.Duration {
	ids := float64(z.ids) * (1 + 1/float64(threads)) // alone, on one thread and on all
	for _, l := range all {
		ids += float64(z.of(l)*z.ids*z.passes) / float64(l.threads)
	}
	return time.Duration(ids * float64(each))
}

// trial is a choice of layout by trying.
type trial struct {
	rig         *rig
	plain       *rig // the same without flash attention; nil where that is no question
	layouts     []layout
	weightBytes int64
	threads     int
	resident    int // ids of the prefix behind which queries stand
	budget      time.Duration
	within      func(context.Context, time.Duration) (context.Context, context.CancelFunc)
}

// tried is what a trial found.
type tried struct {
	layout layout
	flash  bool
	inference.Choice
}

// errTooLong says that a model is too slow to be tried.
var errTooLong = errors.New("a trial would take too long")

// measure tries what there is to choose from. It stops when its budget is spent, ends with ctx's error when ctx ends, and
// answers the guess where the time is too short to know better.
func (t *trial) measure(ctx context.Context) (tried, error) {
	start := t.rig.now()
	guessed := guess(t.layouts, t.weightBytes)
	found := tried{layout: guessed, flash: t.rig.limits.flash}
	limited, cancel := t.within(ctx, t.budget)
	defer cancel()
	for _, r := range []*rig{t.rig, t.plain} {
		if r != nil {
			defer r.close()
			defer context.AfterFunc(limited, r.abort)()
		}
	}
	each, err := t.probe()
	said := ""
	if err == nil {
		said, err = t.compareFlash(&found, each)
	}
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
		found.layout, found.Trials, found.Solo, found.Wide, found.IDs = guessed, nil, 0, 0, 0
		found.Why = guessed.String() + " by the size of the model: trying takes too long"
	default:
		return found, err
	}
	found.Why += said
	return found, nil
}

// probe answers the time of an id on one thread, after a pass that brings code and weights into the caches.
func (t *trial) probe() (time.Duration, error) {
	for range 2 {
		d, err := t.rig.alone(0, probeIDs, 1)
		if err != nil {
			return 0, err
		}
		if d > t.budget/4 {
			return 0, errTooLong
		}
	}
	d, err := t.rig.alone(0, probeIDs, 1)
	return d / probeIDs, err
}

// compareFlash runs a prompt behind the resident ids with and without flash attention, where that fits into a third of the
// time, and leaves the faster one's rig in place.
func (t *trial) compareFlash(found *tried, each time.Duration) (string, error) {
	if t.plain == nil {
		return "", nil
	}
	if time.Duration(2*(t.resident+(trialRounds+1)*trialIDs))*each > t.budget/3 {
		return "; flash attention, since trying takes too long", nil
	}
	took := make([][]time.Duration, 2)
	for i, r := range []*rig{t.rig, t.plain} {
		if err := r.hold(t.resident, 1); err != nil {
			return "", err
		}
		if i == 1 { // the first was warmed up by the probe
			if _, err := r.alone(t.resident, probeIDs, 1); err != nil {
				return "", err
			}
		}
	}
	for range trialRounds {
		for i, r := range []*rig{t.rig, t.plain} {
			d, err := r.alone(t.resident, trialIDs, 1)
			if err != nil {
				return "", err
			}
			took[i] = append(took[i], d)
		}
	}
	with, without := median(took[0]), median(took[1])
	said := fmt.Sprintf("; a prompt took %.3g ms with flash attention, %.3g ms without", milliseconds(with), milliseconds(without))
	if float64(with) > float64(without)*flashWorthIt {
		found.flash = false
		t.rig, t.plain = t.plain, t.rig
	}
	return said, t.rig.hold(0, 1)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// compareLayouts fills in what was found, where there is more than one layout. The rounds are interleaved, so that what
// disturbs one disturbs all.
func (t *trial) compareLayouts(found *tried, each, left time.Duration) error {
	if len(t.layouts) == 1 {
		found.Why = t.layouts[0].String() + ": there is no other choice"
		return nil
	}
	z, err := t.fit(each, left)
	if err != nil {
		return err
	}
	took := make([][]time.Duration, len(t.layouts))
	var solo, wide []time.Duration
	for n := range trialRounds {
		err := t.round(z, took, &solo, &wide)
		if n > 0 && errors.Is(err, errAborted) {
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
	d, err := t.rig.alone(0, z.ids, 1)
	if err != nil {
		return err
	}
	*solo = append(*solo, d)
	if d, err = t.rig.alone(0, z.ids, t.threads); err != nil {
		return err
	}
	*wide = append(*wide, d)
	return nil
}

// fit answers the largest size whose rounds fit into three quarters of the time: contexts have to be made in it too.
func (t *trial) fit(each, left time.Duration) (size, error) {
	for _, z := range sizes() {
		if trialRounds*z.cost(t.layouts, t.threads, each) <= left*3/4 {
			return z, nil
		}
	}
	return size{}, errTooLong
}
