package llamacpp

import (
	"fmt"
	"math"
	"slices"
	"time"

	"guardhouse/internal/inference"
)

const (
	maxLanes = 16
	// laneWeights is the size of a model up to which several passes side by side, a thread each, are the better guess than
	// one pass over all threads: a small model's operations are shorter than its threads' waits for each other.
	laneWeights = 128 << 20
	// worthIt is what another layout than the guess must gain: a trial of a fraction of a second is no more exact than that.
	worthIt = 1.1
	// slotsPerLane lets a short query in beside a long one, and keeps a prompt's and a response's prefix both resident.
	slotsPerLane = 2
	minSlots     = 4
)

// layout is one way to lay a model out over the cores: passes at a time, and threads of each while all are at work. A
// query that is alone gets all threads under each of them, so that they differ at saturation and not in what one waits.
type layout struct{ lanes, threads int }

func (l layout) String() string {
	return fmt.Sprintf("%s of %s", counted(l.lanes, "lane"), counted(l.threads, "thread"))
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// layouts answers what can be chosen from for so many threads: one pass over all, one thread each, and from four threads
// on something between. most bounds the lanes; at least 1.
func layouts(threads, most int) []layout {
	most = max(1, min(most, maxLanes, threads))
	var all []layout
	for _, lanes := range []int{1, int(math.Round(math.Sqrt(float64(threads)))), threads} {
		lanes = min(lanes, most)
		if threads < 4 && lanes != 1 && lanes != min(threads, most) {
			continue
		}
		l := layout{lanes, threads / lanes}
		if !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	return all
}

// guess answers the layout for a model of that size that was never tried.
func guess(all []layout, weightBytes int64) layout {
	if weightBytes <= laneWeights {
		return all[len(all)-1]
	}
	return all[0]
}

// pick answers the layout with the most prompts a second, the guess where none is clearly better, and says why.
func pick(trials []inference.Trial, guessed layout) (layout, string) {
	best, own := trials[0], trials[0]
	for _, t := range trials {
		if t.PerSecond > best.PerSecond {
			best = t
		}
		if (layout{t.Lanes, t.Threads}) == guessed {
			own = t
		}
	}
	if best.PerSecond < own.PerSecond*worthIt {
		best = own
	}
	why := fmt.Sprintf("%s did %s prompts a second", layout{best.Lanes, best.Threads}, figure(best.PerSecond))
	for _, t := range trials {
		if t != best {
			why += fmt.Sprintf(", %s %s", layout{t.Lanes, t.Threads}, figure(t.PerSecond))
		}
	}
	return layout{best.Lanes, best.Threads}, why
}

// figure answers a number with about three digits.
func figure(x float64) string {
	if x >= 100 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// median answers the middle one; 0 for none.
func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}
