package httpapi

import (
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
	"guardhouse/internal/inference"
	"guardhouse/internal/manager"
)

// modelFor answers a model as p may see it: how it runs tells of the machine, and is for those who look after it.
func (s *Server) modelFor(p access.Principal, m catalog.Model) gen.Model {
	out := modelDTO(m)
	out.Canary = s.canaryDTO(m)
	out.StateReason = s.reasonFor(p, m)
	if !s.looksAfter(p) {
		return out
	}
	if l, loaded := s.deps.Models.Layout(m.ID); loaded && m.State == catalog.StateReady {
		addLayout(&out, l)
		out.LastUsedAt = maybeAt(s.deps.Models.Used(m.ID))
	}
	if needs, known := s.deps.Models.Takes(m); known {
		total := needs.Total()
		out.Needs, out.NeedsDevice = &total, &needs.GPU
	}
	return out
}

func modelDTO(m catalog.Model) gen.Model {
	out := gen.Model{
		ID: m.ID, Kind: gen.ModelKind(m.Kind), Origin: gen.ModelOrigin(m.Origin), Architecture: m.Architecture,
		Quantization: m.Quantization, Sha256: m.SHA256, TemplateSha256: m.TemplateSHA256, State: m.State,
		StateCode: gen.ModelStateCode(m.StateCode), StateReason: m.StateReason, StateSince: maybeAt(m.StateSince),
		SizeBytes: m.SizeBytes, ContextLength: m.ContextLength, Default: m.Default, Next: m.Next, CreatedAt: wire.At(m.CreatedAt),
	}
	switch m.State {
	case catalog.StateReady:
		out.LoadedAt = out.StateSince
	case catalog.StateLoading:
		stage := gen.ModelStage(m.Stage)
		out.Stage, out.Progress = &stage, &m.Progress
	}
	return out
}

func addLayout(out *gen.Model, l inference.Description) {
	out.Device, out.Kernels, out.Layout = orNil(l.Device), orNil(l.Kernels), orNil(l.Choice.Why)
	out.Slots, out.Lanes, out.Threads, out.SlotTokens = &l.Slots, &l.Lanes, &l.Threads, &l.SlotTokens
	if out.Layers = &l.Layers; l.LayersOf > 0 {
		out.LayersOf = &l.LayersOf
	}
	m := l.Memory
	out.Memory = &gen.ModelMemory{
		Weights: m.Weights, Packed: m.Packed, Cache: m.Cache, Compute: m.Compute, Output: m.Output, Total: m.Total(), Device: m.GPU,
	}
}

// roomFor answers how the memory for models stands, null to whoever does not look after them.
func (s *Server) roomFor(p access.Principal) *gen.ModelRoom {
	if !s.looksAfter(p) {
		return nil
	}
	r := s.deps.Models.Room()
	return &gen.ModelRoom{Total: r.Total, Used: r.Used, Devices: each(r.Devices, func(d manager.DeviceRoom) gen.ModelDevice {
		return gen.ModelDevice{Name: d.Name, Total: d.Total, Used: d.Used, Free: d.Free}
	})}
}

// maybeAt answers null for a time that never was.
func maybeAt(t time.Time) *wire.Time {
	if t.IsZero() {
		return nil
	}
	at := wire.At(t)
	return &at
}
