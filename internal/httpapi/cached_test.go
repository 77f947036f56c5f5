package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi"
	"guardhouse/internal/inference"
	"guardhouse/internal/moderation"
)

// newRemembering is newBench with a verdict cache.
func newRemembering(t testing.TB) *bench {
	t.Helper()
	var o httpapi.Options
	var d httpapi.Deps
	b := newBench(t, func(bo *httpapi.Options, bd *httpapi.Deps) { o, d = *bo, *bd })
	places := inference.New(inference.Options{Queue: 8})
	t.Cleanup(func() { require.NoError(t, places.Close(context.Background())) })
	d.Moderation, d.Models = judging(moderation.Deps{
		DB: b.db, Guard: b.guard, Catalog: b.catalog, Scheduler: places, CacheKey: []byte("a test's"),
	}, b.engine, moderation.Options{CacheEntries: 100})
	require.NoError(t, d.Models.Load(t.Context()))
	var err error
	b.server, err = httpapi.New(d, o)
	require.NoError(t, err)
	return b
}

// threat T3: a remembered verdict is said to be one on every path, and is its owner's alone.
func TestCachedIsSaidOnEveryPath(t *testing.T) {
	b := newRemembering(t)
	native := func(as string) map[string]any {
		w := b.do(call{method: http.MethodPost, path: "/api/v1/moderations", as: as, body: `{"input":"zzviolent words"}`})
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		var v map[string]any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v))
		return v
	}
	fresh := native("rita")
	require.Equal(t, false, fresh["cached"])
	judged := b.engine.Judged()
	old := native("rita")
	require.Equal(t, true, old["cached"])
	require.Equal(t, fresh["categories"], old["categories"])
	require.Equal(t, fresh["scores"], old["scores"])
	timings, ok := old["timings"].(map[string]any)
	require.True(t, ok)
	require.Zero(t, timings["passes"])
	require.Zero(t, timings["model_ms"])

	w := b.do(call{method: http.MethodPost, path: "/v1/moderations", as: "rita", body: `{"input":["zzviolent words","other words"]}`})
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	var answer struct {
		Results []struct {
			Flagged     bool
			XGuardhouse struct{ Cached bool } `json:"x_guardhouse"`
		}
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.Len(t, answer.Results, 2)
	require.True(t, answer.Results[0].XGuardhouse.Cached)
	require.True(t, answer.Results[0].Flagged)
	require.False(t, answer.Results[1].XGuardhouse.Cached)
	require.Equal(t, judged+1, b.engine.Judged())

	w = b.do(call{method: http.MethodGet, path: "/api/v1/moderations", as: "rita"})
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	var page struct{ Items []struct{ Cached bool } }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
	var cached []bool
	for _, row := range page.Items {
		cached = append(cached, row.Cached)
	}
	require.Equal(t, []bool{false, true, true, false}, cached)

	require.Equal(t, false, native("rob")["cached"], "another person, the same words")
	require.Equal(t, judged+2, b.engine.Judged())
}
