package httpapi

import (
	"context"

	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
	"guardhouse/internal/limit"
	"guardhouse/internal/usage"
)

// GetUsage answers what the caller's account has used.
func (s *Server) GetUsage(ctx context.Context, _ gen.GetUsageRequestObject) (gen.GetUsageResponseObject, error) {
	u, err := s.deps.Usage.Own(requestContext(ctx), exchangeOf(ctx).principal)
	if err != nil {
		return nil, err
	}
	return gen.GetUsage200JSONResponse(usageDTO(u)), nil
}

// GetUserUsage answers what an account has used.
func (s *Server) GetUserUsage(ctx context.Context, r gen.GetUserUsageRequestObject) (gen.GetUserUsageResponseObject, error) {
	u, err := s.deps.Usage.OfPerson(requestContext(ctx), exchangeOf(ctx).principal, r.ID)
	if err != nil {
		return nil, err
	}
	return gen.GetUserUsage200JSONResponse(usageDTO(u)), nil
}

// GetKeyUsage answers what a key has used.
func (s *Server) GetKeyUsage(ctx context.Context, r gen.GetKeyUsageRequestObject) (gen.GetKeyUsageResponseObject, error) {
	u, err := s.deps.Usage.OfKey(requestContext(ctx), exchangeOf(ctx).principal, r.ID)
	if err != nil {
		return nil, err
	}
	return gen.GetKeyUsage200JSONResponse(usageDTO(u)), nil
}

func usageDTO(u usage.Usage) gen.Usage {
	return gen.Usage{
		Kind: u.Kind, ID: u.ID, Name: u.Name, At: wire.At(u.At), Today: usagePeriodDTO(u.Today), Month: usagePeriodDTO(u.Month),
		Days: each(u.Days, usageDayDTO),
	}
}

func usagePeriodDTO(p usage.Period) gen.UsagePeriod {
	return gen.UsagePeriod{From: wire.At(p.From), ResetsAt: wire.At(p.ResetsAt), Units: each(p.Counts, func(c usage.Count) gen.UsageCount {
		out := gen.UsageCount{Unit: gen.UsageUnit(unitName(c.Unit)), Used: shown(c.Unit, c.Used), Held: shown(c.Unit, c.Held)}
		if c.Limit != limit.NoMax {
			most := shown(c.Unit, c.Limit)
			out.Limit = &most
		}
		return out
	})}
}

func usageDayDTO(d usage.Day) gen.UsageDay {
	of := func(u limit.Unit) float64 { return shown(u, d.Used[u]) }
	return gen.UsageDay{
		Day: wire.At(d.Day), Requests: of(limit.Requests), Tokens: of(limit.Tokens), Images: of(limit.Images), ComputeSeconds: of(limit.ComputeMS),
	}
}

// unitName is how the contract spells a unit: what is counted in milliseconds is shown in seconds.
func unitName(u limit.Unit) string {
	if u == limit.ComputeMS {
		return "compute_seconds"
	}
	return u.String()
}

func shown(u limit.Unit, n int64) float64 {
	if u == limit.ComputeMS {
		return float64(n) / 1e3
	}
	return float64(n)
}
