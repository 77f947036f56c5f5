package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUsageOverHTTP(t *testing.T) {
	b := newBench(t)
	bearer := map[string]string{"Authorization": b.bearer}
	for range 3 {
		require.Equal(t, http.StatusOK, b.do(call{method: "POST", path: moderations, header: bearer, body: `{"input":"hello"}`}).Code)
	}
	require.Equal(t, http.StatusOK, b.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"hello"}`}).Code)
	requests := func(c call, op string) float64 {
		c.method = "GET"
		w := b.do(c)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		matchesDocument(t, op, 200, w.Header().Get("Content-Type"), w.Body.Bytes())
		u := object(t, w.Body.Bytes())
		require.Len(t, u["days"], 30)
		for _, period := range []string{"today", "month"} {
			first := u[period].(map[string]any)["units"].([]any)[0].(map[string]any)
			require.Equal(t, "requests", first["unit"])
			require.Nil(t, first["limit"], "no quota is set")
		}
		last := u["days"].([]any)[29].(map[string]any)
		return last["requests"].(float64)
	}
	require.InDelta(t, 4, requests(call{path: "/api/v1/usage", header: bearer}, "getUsage"), 0, "whichever session or key asked")
	require.InDelta(t, 4, requests(call{path: "/api/v1/users/" + b.idOf("rita") + "/usage", as: "alice"}, "getUserUsage"), 0)
	w := b.do(call{method: "GET", path: "/api/v1/keys?user_id=" + b.idOf("rita"), as: "alice"})
	key := object(t, w.Body.Bytes())["items"].([]any)[0].(map[string]any)["id"].(string)
	require.InDelta(t, 1, requests(call{path: "/api/v1/keys/" + key + "/usage", as: "rita"}, "getKeyUsage"), 0)
	require.InDelta(t, 0, requests(call{path: "/api/v1/usage", as: "alice"}, "getUsage"), 0)
}
