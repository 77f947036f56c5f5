package httpapi_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
)

// explains asks the gate what the page asks, and answers by the page's words.
func (h *house) explains(question string) map[string]any {
	h.t.Helper()
	var q struct {
		Principal, Model, Operation, Purpose string
		IP                                   netip.Addr
		At                                   time.Time
	}
	require.NoError(h.t, json.Unmarshal([]byte(h.named(question)), &q))
	if name, ok := strings.CutPrefix(q.Principal, "user:"); ok {
		q.Principal = "user:" + h.idOf(name)
	}
	who, err := h.guard.PrincipalOf(h.t.Context(), q.Principal)
	require.NoError(h.t, err)
	a := h.guard.Explain(access.Question{
		Principal: who, Action: access.ModerationRun, Operation: access.Operation(q.Operation), Model: q.Model, IP: q.IP, At: q.At, Purpose: q.Purpose,
	}, nil)
	out := map[string]any{"decision": "deny", "status": float64(a.Status), "reason": a.Reason, "rule_id": a.RuleID}
	if a.Allowed {
		out["decision"] = "allow"
	}
	if a.Failing != nil {
		out["failing_condition"] = a.Failing.Condition
	}
	return out
}

// TestWhatThePageExplains: what stands in docs/access.md of a question is in the answer to it.
func TestWhatThePageExplains(t *testing.T) {
	h := newHouse(t)
	for _, e := range accessExamples(t) {
		h.policy(e)
		var want map[string]any
		require.NoError(t, json.Unmarshal([]byte(e.answer), &want))
		got := h.explains(e.explain)
		for name, value := range want {
			require.Equal(t, value, got[name], "%s: %s in %v", e.title, name, got)
		}
	}
}
