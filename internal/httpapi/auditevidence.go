package httpapi

import (
	"context"
	"io"
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

// VisitExportEvidenceResponse writes the pack.
func (e evidencePack) VisitExportEvidenceResponse(w http.ResponseWriter) error {
	return e.s.attach(e.c, w, attachment{"application/zip", packName(e.p.Bounds())}, func(ctx context.Context, out io.Writer) error {
		_, err := e.p.Write(ctx, out)
		return err
	})
}

// packName answers what a pack is called: the days of its bounds in UTC, begin and now where it has none.
func packName(from, until time.Time) string {
	const day = "20060102"
	first, last := "begin", "now"
	if !from.IsZero() {
		first = from.UTC().Format(day)
	}
	if !until.IsZero() {
		last = until.UTC().Format(day)
	}
	return "guardhouse-evidence-" + first + "-" + last + ".zip"
}
