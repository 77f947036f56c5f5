package manager

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/shape"
)

// headRoom is the part of the machine's memory that models leave to everything else: one in so many.
const headRoom = 10

// Room is the memory for models: the machine's, and that of GPUs, which is not counted with it.
type Room struct {
	Total   int64 // 0 = unknown: nothing is refused before the engine does
	Used    int64 // the most that what is in memory can need
	Devices []DeviceRoom
}

// DeviceRoom is a GPU's memory: what models took of it, and what others may still take, its head-room left out. What a model does not find
// there it takes of the machine's.
type DeviceRoom struct {
	Name              string
	Total, Used, Free int64
}

// Free answers what is left.
func (r Room) Free() int64 { return max(0, r.Total-r.Used) }

// Room answers how the memory for models stands.
func (s *Service) Room() Room {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := Room{Total: s.machine}
	if set := s.tuning.Load().Memory; set > 0 {
		r.Total = set
	}
	onDevice := map[string]int64{}
	count := func(d inference.Description) {
		r.Used += d.Memory.Total()
		onDevice[d.Device] += d.Memory.GPU
	}
	for _, in := range s.models {
		count(in.What)
	}
	for _, l := range s.leaving {
		if l.r != nil {
			count(l.r.What)
		}
	}
	if p, ok := s.d.Engine.(inference.Placer); ok {
		for _, d := range p.Devices() {
			r.Devices = append(r.Devices, DeviceRoom{Name: d.Name, Total: d.Total, Used: onDevice[d.Name], Free: d.Free})
			delete(onDevice, d.Name) // two boards of one name are told together
		}
	}
	return r
}

// fit refuses a model that does not fit beside what is in memory (fault.Unprocessable, inference.ErrNoRoom), and says what would.
// It tells the engine how much is left for what the weights do not take. What goes on a GPU is not counted: what fits there is the engine's
// to say, and what does not is in what it says of the machine's memory.
func (s *Service) fit(m catalog.Model, f *catalog.File, o *Opened) error {
	o.Spec.ModelID = m.ID
	e, ok := s.d.Engine.(inference.Estimator)
	if !ok || o.Header == nil {
		return nil
	}
	sh := shape.Of(o.Header, isMapped(f))
	room := s.Room()
	of := foreseen{sha256: m.SHA256, spec: o.Spec, shape: sh}
	of.least = bound(e, &o.Spec, sh, room)
	s.foretell(m.ID, of)
	if room.Total == 0 || of.least.Total() <= room.Free() {
		return nil
	}
	return fault.Wrap(inference.ErrNoRoom, fault.Unprocessable, s.advice(m, *o, sh, of.least, room))
}

// bound tells a spec how much of the room is left for what the weights do not take, and answers the most that the model then needs.
func bound(e inference.Estimator, spec *inference.Spec, sh inference.Shape, room Room) inference.Memory {
	needs := e.Estimate(*spec, sh)
	if room.Total == 0 {
		return needs
	}
	spec.Room, spec.Limit = max(1, room.Free()-needs.Weights-needs.Packed), max(1, room.Free())
	return e.Estimate(*spec, sh)
}

// advice says what is needed, what there is, and what would make the one fit into the other.
func (s *Service) advice(m catalog.Model, o Opened, sh inference.Shape, needs inference.Memory, room Room) string {
	var ways []string
	if out := s.enough(m, needs.Total()-room.Free()); out != "" {
		ways = append(ways, "unload "+out)
	}
	if n := s.fewerSlots(o.Spec, sh, room.Free()); n > 0 {
		ways = append(ways, fmt.Sprintf("an engine.slots of %d", n))
	}
	contexts := needs.Total() - needs.Weights - needs.Packed
	if left := (room.Free() - contexts) * sh.WeightBytes / max(1, needs.Weights+needs.Packed); left > 0 && left < sh.WeightBytes {
		ways = append(ways, "a smaller quantisation with a file of at most "+inBytes(left))
	}
	text := fmt.Sprintf("The model needs %s of memory, and of the %s for models %s are free.", inBytes(needs.Total()), inBytes(room.Total), inBytes(room.Free()))
	if len(room.Devices) > 0 {
		text = fmt.Sprintf("The model needs %s of memory beside %s on a GPU, where %s are free, and of the %s for models %s are free.",
			inBytes(needs.Total()), inBytes(needs.GPU), inBytes(room.freest()), inBytes(room.Total), inBytes(room.Free()))
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

// inBytes answers a size as people say it.
func inBytes(n int64) string {
	const gb, mb = 1e9, 1e6
	if n >= gb {
		return fmt.Sprintf("%.1f GB", float64(n)/gb)
	}
	return fmt.Sprintf("%.0f MB", float64(n)/mb)
}

// Fits refuses what fit would refuse now, and loads nothing. It reads the file's header only, which is not held against the hash:
// that is done at the load.
func (s *Service) Fits(ctx context.Context, m catalog.Model) error {
	if s.has(m) || s.loaders[m.Kind] == nil {
		return nil
	}
	f, err := s.d.Catalog.Peek(m)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	o, err := s.loaders[m.Kind](ctx, m, f)
	if err != nil {
		return err
	}
	return s.fit(m, f, &o)
}
