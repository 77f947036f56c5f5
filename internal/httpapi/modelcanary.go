package httpapi

import (
	"guardhouse/internal/catalog"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
)

// canaryDTO answers how the canaries of these bytes stand, null where they were not asked.
func (s *Server) canaryDTO(m catalog.Model) *gen.ModelCanary {
	if s.deps.Canary == nil {
		return nil
	}
	st, asked := s.deps.Canary.State(m.ID)
	if !asked || st.SHA256 != m.SHA256 {
		return nil
	}
	return &gen.ModelCanary{
		Result: gen.ModelCanaryResult(st.Result), At: wire.At(st.At), Canaries: st.Total, Drifted: len(st.Drifts), Builtin: st.Builtin,
	}
}
