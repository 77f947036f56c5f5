package manager

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"guardhouse/internal/catalog"
	"guardhouse/internal/inference"
)

// advice says what is needed, what there is, and what would make the one fit into the other.
func (s *Service) advice(m catalog.Model, o Opened, sh inference.Shape, needs inference.Memory, room Room) string {
	var ways []string
	if mib := s.moreMemory(o.Spec, sh, needs, room); mib > 0 {
		ways = append(ways, fmt.Sprintf("a models.memory of %dMiB", mib))
	}
	if out := s.enough(m, needs.Total()-room.Free()); out != "" {
		ways = append(ways, "unload "+out)
	}
	if n := s.fewerSlots(o.Spec, sh, room.Free()); n > 0 {
		ways = append(ways, fmt.Sprintf("an engine.slots of %d", n))
	}
	if n := s.shorterContext(m, o.Spec, sh, room); n > 0 {
		ways = append(ways, fmt.Sprintf("a chat.context of %d", n))
	}
	contexts := needs.Total() - needs.Weights - needs.Packed
	if left := (room.Free() - contexts) * sh.WeightBytes / max(1, needs.Weights+needs.Packed); left >= 1<<20 && left < sh.WeightBytes {
		ways = append(ways, "a smaller quantisation with a file of at most "+atMost(left))
	}
	text := fmt.Sprintf("The model needs %s of memory, and of the %s for models %s are free.", atLeast(needs.Total()), atMost(room.Total), atMost(room.Free()))
	if len(room.Devices) > 0 {
		text = fmt.Sprintf("The model needs %s of memory beside %s on a GPU, where %s are free, and of the %s for models %s are free.",
			atLeast(needs.Total()), atLeast(needs.GPU), atMost(room.freest()), atMost(room.Total), atMost(room.Free()))
	}
	if len(ways) > 0 {
		text += " What would do: " + strings.Join(ways, ", or ") + "."
	}
	return text
}

// freest answers what the freest device has for models.
func (r Room) freest() (most int64) {
	for _, d := range r.Devices {
		most = max(most, d.Free)
	}
	return most
}

// enough names the fewest models whose memory would do, largest first; "" where all of them would not. The defaults stay.
func (s *Service) enough(but catalog.Model, bytes int64) string {
	all, err := s.d.Catalog.All(context.Background())
	if err != nil {
		return ""
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var may []*Resident
	for _, m := range all {
		if r := s.models[m.ID]; r != nil && !m.Default && m.ID != but.ID {
			may = append(may, r)
		}
	}
	slices.SortFunc(may, func(a, b *Resident) int { return cmp.Compare(b.makesRoom(), a.makesRoom()) })
	var names []string
	for _, r := range may {
		if bytes <= 0 {
			break
		}
		names = append(names, r.Model.ID)
		bytes -= r.makesRoom()
	}
	if bytes > 0 {
		return ""
	}
	return strings.Join(names, " and ")
}

// makesRoom answers what another model needs less of the machine's memory when this one is gone: what this one had on a GPU the
// other's layers find there.
func (r *Resident) makesRoom() int64 { return r.What.Memory.Total() + r.What.Memory.GPU }

// fewerSlots answers the most slots that fit, where their number is set and fewer would do; else 0.
func (s *Service) fewerSlots(spec inference.Spec, sh inference.Shape, free int64) int {
	e, ok := s.d.Engine.(inference.Estimator)
	if !ok {
		return 0
	}
	for n := spec.Slots - 1; n > 0; n-- {
		spec.Slots, spec.Lanes = n, min(spec.Lanes, n)
		if e.Estimate(spec, sh).Total() <= free {
			return n
		}
	}
	return 0
}

// moreMemory answers the mebibytes of models.memory beside which the model fits, where the setting is there and the machine has more
// than it says; else 0.
func (s *Service) moreMemory(spec inference.Spec, sh inference.Shape, needs inference.Memory, room Room) int64 {
	e, ok := s.d.Engine.(inference.Estimator)
	if !ok || s.tuning.Load().Memory == 0 {
		return 0
	}
	mib := (room.Used + needs.Total() + 1<<20 - 1) >> 20
	if room.Total = mib << 20; room.Total > s.machine || bound(e, &spec, sh, room).Total() > room.Free() {
		return 0
	}
	return mib
}

// The shortest conversation that chat.context takes, and what it is a multiple of here.
const shortContext = 256

// shorterContext answers the longest conversation that fits, where a chat model would with a shorter one; else 0.
func (s *Service) shorterContext(m catalog.Model, spec inference.Spec, sh inference.Shape, room Room) int {
	e, ok := s.d.Engine.(inference.Estimator)
	if !ok || m.Kind != catalog.KindChat {
		return 0
	}
	// The more tokens, the more memory: the first that does not fit ends them.
	n := sort.Search((spec.SlotTokens-1)/shortContext, func(i int) bool {
		shorter := spec
		shorter.SlotTokens = (i + 1) * shortContext
		return bound(e, &shorter, sh, room).Total() > room.Free()
	})
	return n * shortContext
}

// atLeast and atMost answer a size in the unit that models.memory is written in: what is needed rounded up, what there is rounded down.
func atLeast(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20) }

func atMost(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }
