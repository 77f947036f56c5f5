package manager

import (
	"context"

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
