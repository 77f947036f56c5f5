package httpapi

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/doctor"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
	"guardhouse/internal/overview"
)

// GetOverview answers what needs somebody and the figures of the caller's day.
func (s *Server) GetOverview(ctx context.Context, r gen.GetOverviewRequestObject) (gen.GetOverviewResponseObject, error) {
	if err := s.mayRead(ctx, access.MetricsRead); err != nil {
		return nil, err
	}
	if s.deps.Overview == nil {
		return nil, fault.New(fault.NotAvailable, "This server keeps no overview.")
	}
	c := requestContext(ctx)
	w := overview.Window{From: value(r.Params.From).UTC(), Hours: value(r.Params.Hours)}
	v, err := s.deps.Overview.Look(c, exchangeOf(ctx).principal, w, s.NotReady(c))
	if err != nil {
		return nil, err
	}
	out, err := overviewDTO(v)
	return gen.GetOverview200JSONResponse(out), err
}

// GetSystem answers the machine as the doctor finds it.
func (s *Server) GetSystem(ctx context.Context, r gen.GetSystemRequestObject) (gen.GetSystemResponseObject, error) {
	if err := s.mayRead(ctx, access.SettingsManage); err != nil {
		return nil, err
	}
	if s.deps.Overview == nil {
		return nil, fault.New(fault.NotAvailable, "This server does not look at its machine.")
	}
	found, err := s.deps.Overview.System(requestContext(ctx), exchangeOf(ctx).principal, value(r.Params.Fresh))
	if err != nil {
		return nil, err
	}
	return gen.GetSystem200JSONResponse{
		CheckedAt: wire.At(found.At), TookMs: millis(found.Took), Checks: each(found.Checks, checkDTO), Facts: factsDTO(found),
	}, nil
}

func overviewDTO(v overview.View) (gen.Overview, error) {
	out := gen.Overview{
		At: wire.At(v.At), State: gen.OverviewState(v.State), Needs: each(v.Needs, needDTO), Today: dayDTO(v.Today), Hours: each(v.Hours, hourDTO),
		Chain: gen.OverviewChain{
			State: gen.OverviewChainState(v.Chain.State), Seq: v.Chain.Seq, At: momentDTO(v.Chain.At), VerifiedAt: momentDTO(v.Chain.VerifiedAt),
			Finding: v.Chain.Finding,
		},
	}
	if v.Chain.FindingSeq != 0 {
		out.Chain.FindingSeq = &v.Chain.FindingSeq
	}
	if v.Models != nil {
		list := each(v.Models, overviewModelDTO)
		out.Models = &list
	}
	var err error
	if out.Refusals, err = rowsDTO(v.Refusals); err != nil {
		return out, err
	}
	out.Changes, err = rowsDTO(v.Changes)
	return out, err
}

// rowsDTO answers events in their published bytes, nil for a list that the caller may not see.
func rowsDTO(list []audit.Event) (*[]gen.AuditEvent, error) {
	if list == nil {
		return nil, nil //nolint:nilnil // not the caller's to see
	}
	out := []gen.AuditEvent{}
	for _, ev := range list {
		raw, err := published(&ev)
		if err != nil {
			return nil, err
		}
		out = append(out, *raw)
	}
	return &out, nil
}

// momentDTO answers null for a moment that nobody knows.
func momentDTO(t time.Time) *wire.Time {
	if t.IsZero() {
		return nil
	}
	return wire.Maybe(&t)
}

func needDTO(n overview.Need) gen.OverviewNeed {
	out := gen.OverviewNeed{Code: n.Code, Severity: gen.OverviewNeedSeverity(n.Severity), Since: momentDTO(n.Since), Params: n.Params}
	if out.Params == nil {
		out.Params = gen.Params{}
	}
	out.To.Page, out.To.ID, out.To.Query = n.To.Page, orNil(n.To.ID), n.To.Query
	if out.To.Query == nil {
		out.To.Query = map[string]string{}
	}
	return out
}

func dayDTO(d overview.Day) gen.OverviewDay {
	out := gen.OverviewDay{
		From: wire.At(d.From), Hours: d.Hours, Verdicts: d.Verdicts, Flagged: d.Flagged, Controversial: d.Controversial, Unsafe: d.Unsafe,
		Held: d.Held, Cached: d.Cached, Refused: d.Refused, Partial: d.Partial,
	}
	if d.Verdicts > 0 {
		median, p95 := millis(d.Median), millis(d.P95)
		out.MedianMs, out.P95Ms = &median, &p95
	}
	return out
}

func hourDTO(h overview.Hour) gen.OverviewHour {
	return gen.OverviewHour{Start: wire.At(h.Start), Verdicts: h.Verdicts, Controversial: h.Controversial, Unsafe: h.Unsafe, Held: h.Held}
}

func overviewModelDTO(m overview.Model) gen.OverviewModel {
	out := gen.OverviewModel{
		ID: m.ID, Kind: m.Kind, Default: m.Default, BuiltIn: m.Origin == catalog.OriginEmbedded, State: m.State, StateCode: m.StateCode,
		SizeBytes: m.SizeBytes, Slots: m.Slots, Busy: m.Busy, Queued: m.Queued,
	}
	if m.State == catalog.StateLoading {
		out.Progress = &m.Progress
	}
	if m.Device != "" {
		out.Device = &m.Device
	}
	return out
}

func checkDTO(c doctor.Check) gen.SystemCheck {
	out := gen.SystemCheck{
		Name: c.Name, Code: c.Code, Status: gen.SystemCheckStatus(c.Status), Params: c.Params, Detail: c.Detail, Do: c.Do, Command: c.Command,
		Notes: orEmpty(c.Notes),
	}
	if out.Params == nil {
		out.Params = gen.Params{}
	}
	return out
}

func factsDTO(f overview.System) gen.SystemFacts {
	m := f.Machine
	out := gen.SystemFacts{
		Version: m.Version, Commit: m.Commit, Go: m.Go, Engine: m.Engine, Data: m.Data, StartedAt: wire.At(f.Started), PolicyVersion: f.Policy,
		BackupAt: momentDTO(f.Backup),
	}
	if d := f.Disk; d != nil {
		out.Disk = &gen.SystemDisk{
			DatabaseBytes: d.DatabaseBytes, LogBytes: d.WALBytes, FreeBytes: int64(min(d.FreeBytes, 1<<62)), FreeShare: d.FreeShare,
		}
	}
	if w := m.Worker; w != nil {
		out.Worker = &gen.SystemWorker{Restarts: w.Restarts, Ended: w.Ended, EndedAt: momentDTO(w.EndedAt)}
	}
	if c := f.Certificate; c != nil {
		out.Certificate = &gen.SystemCertificate{EndsAt: wire.At(c.Ends), Own: c.Own, Sha256: c.SHA256}
	}
	return out
}
