package httpapi

import (
	"context"
	"io"
	"net/http"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/export"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
)

// ExportAudit lets an export in, which is written while it is read; or says whether it would.
func (s *Server) ExportAudit(ctx context.Context, r gen.ExportAuditRequestObject) (gen.ExportAuditResponseObject, error) {
	c, ok := ctx.(*gin.Context)
	if !ok || s.deps.Export == nil {
		return nil, fault.New(fault.NotAvailable, "This server exports nothing.")
	}
	if value(r.Params.Check) == 1 {
		return s.checkExport(ctx, exportRequest(r.Params))
	}
	x, err := s.deps.Export.Begin(requestContext(ctx), exchangeOf(ctx).principal, exportRequest(r.Params))
	if err != nil {
		return nil, err
	}
	return auditExport{s, c, x}, nil
}

func exportRequest(p gen.ExportAuditParams) export.Request {
	return export.Request{
		Format: export.Format(p.Format), BOM: value(p.Bom) == 1,
		Filter: audit.Filter{
			Actor: value(p.Actor), Action: value(p.Action), Model: value(p.Model), Decision: string(value(p.Decision)),
			IP: value(p.IP), Rule: value(p.Rule), Reason: value(p.Reason), Purpose: value(p.Purpose), Key: value(p.Key),
			From: value(p.From), To: value(p.To), RequestID: value(p.RequestID), Q: value(p.Q),
		},
	}
}

// checkExport refuses what an export would be refused for now: the right, the request, no free place, a log that takes no row.
func (s *Server) checkExport(ctx context.Context, r export.Request) (gen.ExportAuditResponseObject, error) {
	if err := s.mayRead(ctx, access.AuditExport); err != nil {
		return nil, err
	}
	if err := s.deps.Export.Check(r); err != nil {
		return nil, err
	}
	if err := s.auditReady(ctx); err != nil {
		return nil, err
	}
	return gen.ExportAudit204Response{}, nil
}

// auditExport is the answer that is made while it is taken.
type auditExport struct {
	s *Server
	c *gin.Context
	x *export.Export
}

// VisitExportAuditResponse writes the export.
func (e auditExport) VisitExportAuditResponse(w http.ResponseWriter) error {
	a := attachment{e.x.Format.ContentType(), "guardhouse-audit.jsonl"}
	if e.x.Format == export.CSV {
		a = attachment{e.x.Format.ContentType(), "guardhouse-audit.csv"}
	}
	return e.s.attach(e.c, w, a, func(ctx context.Context, out io.Writer) error {
		_, err := e.x.Write(ctx, out)
		return err
	})
}

// ListExportSchedules answers the schedules, and whether anything could be written for them.
func (s *Server) ListExportSchedules(ctx context.Context, _ gen.ListExportSchedulesRequestObject) (gen.ListExportSchedulesResponseObject, error) {
	if err := s.mayRead(ctx, access.AuditExport); err != nil {
		return nil, err
	}
	list, err := s.deps.Export.Schedules(requestContext(ctx))
	if err != nil {
		return nil, err
	}
	return gen.ListExportSchedules200JSONResponse{
		Items: each(list, scheduleDTO), FolderProblem: orNil(export.WhyOf(s.deps.Export.CheckFolder())),
	}, nil
}

// CreateExportSchedule adds one.
func (s *Server) CreateExportSchedule(ctx context.Context, r gen.CreateExportScheduleRequestObject) (gen.CreateExportScheduleResponseObject, error) {
	f := value(r.Body.Filter)
	made, err := s.deps.Export.Add(requestContext(ctx), exchangeOf(ctx).principal, export.Draft{
		Name: r.Body.Name, Format: export.Format(r.Body.Format), BOM: value(r.Body.Bom), Every: export.Every(r.Body.Every), At: value(r.Body.At),
		Filter: audit.Filter{
			Actor: value(f.Actor), Action: value(f.Action), Model: value(f.Model), Decision: string(value(f.Decision)), IP: value(f.IP),
			Rule: value(f.Rule), Reason: value(f.Reason), Purpose: value(f.Purpose), Key: value(f.Key), RequestID: value(f.RequestID), Q: value(f.Q),
		},
	})
	if err != nil {
		return nil, err
	}
	return gen.CreateExportSchedule201JSONResponse{
		Body: scheduleDTO(made), Headers: gen.CreateExportSchedule201ResponseHeaders{Location: "/api/v1/audit/export/schedules/" + made.ID},
	}, nil
}

// DeleteExportSchedule ends one.
func (s *Server) DeleteExportSchedule(ctx context.Context, r gen.DeleteExportScheduleRequestObject) (gen.DeleteExportScheduleResponseObject, error) {
	if err := s.deps.Export.Remove(requestContext(ctx), exchangeOf(ctx).principal, r.ID); err != nil {
		return nil, err
	}
	return gen.DeleteExportSchedule204Response{}, nil
}

func scheduleDTO(sc export.Schedule) gen.ExportSchedule {
	said := func(name string) *string { return orNil(sc.Filter[name]) }
	out := gen.ExportSchedule{
		ID: sc.ID, Name: sc.Name, Format: gen.ExportFormat(sc.Format), Bom: sc.BOM, Every: gen.ExportEvery(sc.Every), At: sc.At,
		CreatedAt: wire.At(sc.CreatedAt), CreatedBy: sc.CreatedBy, NextAt: wire.At(sc.Next), RetryAt: wire.Maybe(sc.Retry),
		LastAt: wire.Maybe(sc.LastAt), LastFile: orNil(sc.LastFile), LastRows: sc.LastRows, LastSeq: sc.LastSeq, Failures: sc.Failures,
		FailedAt: wire.Maybe(sc.FailedAt), FailedWhy: orNil(sc.FailedWhy),
		Filter: gen.ExportFilter{
			Actor: said("actor"), Action: said("action"), Model: said("model"), IP: said("ip"), Rule: said("rule"), Reason: said("reason"),
			Purpose: said("purpose"), Key: said("key"), RequestID: said("request_id"), Q: said("q"),
		},
	}
	if d := gen.ExportFilterDecision(sc.Filter["decision"]); d != "" {
		out.Filter.Decision = &d
	}
	return out
}
