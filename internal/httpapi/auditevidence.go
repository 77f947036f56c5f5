package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/evidence"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
)

// ExportEvidence lets a pack in; it is written while it is read.
func (s *Server) ExportEvidence(ctx context.Context, r gen.ExportEvidenceRequestObject) (gen.ExportEvidenceResponseObject, error) {
	c, ok := ctx.(*gin.Context)
	if !ok || s.deps.Evidence == nil {
		return nil, fault.New(fault.NotAvailable, "This server makes no evidence packs.")
	}
	p, err := s.deps.Evidence.Begin(requestContext(ctx), exchangeOf(ctx).principal, value(r.Params.From), value(r.Params.To))
	if err != nil {
		return nil, err
	}
	return evidencePack{s, c, p}, nil
}

// evidencePack is the answer that is made while it is taken.
type evidencePack struct {
	s *Server
	c *gin.Context
	p *evidence.Pack
}

// VisitExportEvidenceResponse writes the pack. One that is broken off ends the connection, so that nobody takes it for whole.
func (e evidencePack) VisitExportEvidenceResponse(w http.ResponseWriter) error {
	ctx, end := e.s.streamContext(e.c)
	defer end()
	exchangeOf(e.c).opened = e.s.now()
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", packAttached(e.p.Bounds()))
	h.Set("X-Accel-Buffering", "no") // a proxy that gathers what it passes on would hide how fast it is taken
	w.WriteHeader(http.StatusOK)
	if _, err := e.p.Write(ctx, &exportSink{w, http.NewResponseController(unwrapped(w))}); err != nil {
		e.s.logFault(e.c, fault.From(err), e.s.statuses[fault.CodeOf(err)])
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's own way to drop a connection
	}
	return nil
}

// packAttached answers the header that names a pack: the days of its bounds in UTC, begin and now where it has none.
func packAttached(from, until time.Time) string {
	const day = "20060102"
	first, last := "begin", "now"
	if !from.IsZero() {
		first = from.UTC().Format(day)
	}
	if !until.IsZero() {
		last = until.UTC().Format(day)
	}
	return `attachment; filename="guardhouse-evidence-` + first + `-` + last + `.zip"`
}
