package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/canary"
	"guardhouse/internal/httpapi"
)

// threat M9: a default guard that answers its canaries otherwise than recorded turns readiness off, says so of itself and judges nobody.
func TestCanaryDriftTurnsReadinessOff(t *testing.T) {
	set, err := canary.Prompts()
	require.NoError(t, err)
	var c *canary.Service
	other := newBench(t)
	m, err := other.catalog.Resolve(t.Context(), "")
	require.NoError(t, err)
	recorded := canary.Baseline{ModelSHA256: m.SHA256, TemplateSHA256: m.TemplateSHA256, SetSHA256: set.SHA256}
	for _, p := range set.Prompts {
		recorded.Answers = append(recorded.Answers, canary.Answer{Name: p.Name, Severity: "Safe", Categories: []string{}})
	}
	c, err = canary.New(canary.Deps{DB: other.db, Audit: other.log, Catalog: other.catalog, Judge: other.judge, Builtin: []canary.Baseline{recorded}}, canary.Options{})
	require.NoError(t, err)
	b := newBench(t, func(_ *httpapi.Options, d *httpapi.Deps) {
		d.Canary, d.Catalog, d.Moderation = c, other.catalog, other.judge
	})
	ready := func() (int, []string) {
		w := b.do(call{method: "GET", path: "/readyz"})
		return w.Code, b.server.NotReady(t.Context())
	}
	code, _ := ready()
	require.Equal(t, http.StatusOK, code, "nobody has looked yet")
	require.Nil(t, object(t, b.do(call{method: "GET", path: "/api/v1/models/guard-nano", as: "alice"}).Body.Bytes())["canary"])

	require.NoError(t, c.Look(t.Context()))
	code, reasons := ready()
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, []string{"canary_drift"}, reasons)
	w := b.do(call{method: "GET", path: "/readyz"})
	require.Equal(t, "loading", field(t, w.Body.Bytes(), "code"))
	require.NotContains(t, w.Body.String(), "guard-nano", "strangers ask too")
	w = b.do(call{method: "GET", path: "/api/v1/models/guard-nano", as: "alice"})
	model := object(t, w.Body.Bytes())
	require.Equal(t, []any{"failed", "canary_drift"}, []any{model["state"], model["state_code"]})
	told, ok := model["canary"].(map[string]any)
	require.True(t, ok)
	require.Equal(t, "drifted", told["result"])
	require.InDelta(t, len(set.Prompts), told["drifted"], 0)
	matchesDocument(t, "getModel", 200, w.Header().Get("Content-Type"), w.Body.Bytes())
}
