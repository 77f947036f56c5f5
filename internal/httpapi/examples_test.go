package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/examples"
	"guardhouse/internal/httpapi"
)

type exampleSet struct {
	Language string
	Model    *string
	Items    []struct{ ID, Text, Meant, Severity string }
}

// newGallery answers a bench whose examples are judged.
func newGallery(t *testing.T) *bench {
	t.Helper()
	var svc *examples.Service
	b := newBench(t, func(_ *httpapi.Options, d *httpapi.Deps) {
		svc = examples.New(d.Guard, d.Moderation, nil)
		d.Examples = svc
	})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { svc.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	require.Eventually(t, func() bool {
		return b.do(call{method: "GET", path: "/api/v1/examples", as: "gus"}).Code == http.StatusOK
	}, 10*time.Second, 10*time.Millisecond)
	return b
}

func (b *bench) examples(path, as, language string) exampleSet {
	b.t.Helper()
	w := b.do(call{method: "GET", path: path, as: as, header: map[string]string{"Accept-Language": language}})
	require.Equal(b.t, http.StatusOK, w.Code, w.Body.String())
	var set exampleSet
	require.NoError(b.t, json.Unmarshal(w.Body.Bytes(), &set))
	return set
}

// TestExamplesAreInTheReadersLanguage: the query goes before the header, and English is for everybody else.
func TestExamplesAreInTheReadersLanguage(t *testing.T) {
	b := newGallery(t)
	const path = "/api/v1/examples"
	for header, want := range map[string]string{
		"": "en", "en-GB,en;q=0.8": "en", "zh-CN,zh;q=0.9,en;q=0.8": "zh-CN", "zh-TW": "zh-CN", "fr": "en",
		"fr, en;q=0.2, ZH;q=0.7": "zh-CN", "zh;q=none, en;q=0.1": "en", ";;,,=": "en",
	} {
		require.Equal(t, want, b.examples(path, "gus", header).Language, header)
	}
	require.Equal(t, "zh-CN", b.examples(path+"?language=zh-CN", "gus", "en").Language)
	require.Equal(t, http.StatusBadRequest, b.do(call{method: "GET", path: path + "?language=fr", as: "gus"}).Code)
}

// TestExamplesAreRealVerdicts: the server's own, recorded once for all readers, with the model's name for those alone who may
// see the model.
func TestExamplesAreRealVerdicts(t *testing.T) {
	b := newGallery(t)
	rows := b.newRows(func() {
		require.Nil(t, b.examples("/api/v1/examples", "gus", "zh").Model, "a guest sees no models")
		set := b.examples("/api/v1/examples", "rob", "zh")
		require.Equal(t, "guard-nano", *set.Model)
		require.Len(t, set.Items, 6)
	})
	require.Len(t, rows, 1)
	require.Equal(t, audit.Actor{Type: "system", Name: "server:examples"}, rows[0].Actor)
	require.Equal(t, "moderation.run", rows[0].Action)
	require.Equal(t, "guard-nano", rows[0].Model)
	require.Equal(t, json.Number("6"), rows[0].Details["items"])
}

// TestExamplesHaveTheirForm, and are loading while nobody has judged them: reading alone does nothing.
func TestExamplesHaveTheirForm(t *testing.T) {
	b := newGallery(t)
	golden(t, "examples", b.do(call{method: "GET", path: "/api/v1/examples?language=en", as: "rob"}).Body.Bytes())
	idle := newBench(t, func(_ *httpapi.Options, d *httpapi.Deps) { d.Examples = examples.New(d.Guard, d.Moderation, nil) })
	w := idle.do(call{method: "GET", path: "/api/v1/examples", as: "gus"})
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "loading", field(t, w.Body.Bytes(), "code"))
	require.NotEmpty(t, w.Header().Get("Retry-After"))
}
