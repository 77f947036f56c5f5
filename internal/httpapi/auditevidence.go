package httpapi

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
)

// ExportEvidence lets a pack in; it is written while it is read.
func (s *Server) ExportEvidence(ctx context.Context, _ gen.ExportEvidenceRequestObject) (gen.ExportEvidenceResponseObject, error) {
	if err := s.mayRead(ctx, access.AuditExport); err != nil {
		return nil, err
	}
	return nil, fault.New(fault.NotAvailable, "This server makes no evidence packs.")
}
