package httpapi_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/proof"
	"guardhouse/internal/retention"
)

// unsigned signs nothing: behind the routes nothing is old enough to need it.
type unsigned struct{}

func (unsigned) Install(context.Context) (string, error) { return "ins_test", nil }
func (unsigned) Sign(text []byte) ([]byte, error)        { return text, nil }
func (unsigned) Write(context.Context, string) error     { return nil }

func (s *services) retention() *retention.Service {
	return retention.New(retention.Deps{
		DB: s.db, Guard: s.guard, Seal: unsigned{}, Days: func() retention.Days { return retention.Days{Audit: 365, Sessions: 30} },
		Keys:   func(context.Context) (proof.Keys, error) { return proof.Keys{}, nil },
		Uptime: func() (string, time.Duration, error) { return "boot", time.Hour, nil },
		Verify: func(context.Context) (string, error) { return "", nil },
	})
}

const retentionPath = "/api/v1/audit/retention"

func TestRetentionIsSetUnderItsVersion(t *testing.T) {
	b := newBench(t)
	b.confirm()
	got := b.adminAsks("GET", retentionPath, "")
	require.Equal(t, http.StatusOK, got.Code, got.Body)
	version := got.Header().Get("ETag")
	require.NotEmpty(t, version)
	d := object(t, got.Body.Bytes())
	require.Equal(t, "young", d["plan"].(map[string]any)["stopped"])
	require.Len(t, d["kinds"], 3)

	cookie := map[string]string{"Cookie": b.cookie}
	put := func(body, match string) int {
		return b.do(call{method: "PUT", path: retentionPath, body: body, header: merge(fromOwnPage(), merge(cookie, map[string]string{"If-Match": match}))}).Code
	}
	for _, bad := range []string{
		`{"audit":179,"verdicts":0,"sessions":30}`, `{"audit":90,"verdicts":90,"sessions":90}`, `{"audit":365,"verdicts":366,"sessions":30}`,
		`{"audit":-1,"verdicts":0,"sessions":30}`, `{"audit":36501,"verdicts":0,"sessions":30}`, `{"audit":365}`,
	} {
		require.Equal(t, http.StatusBadRequest, put(bad, version), bad)
	}
	require.Equal(t, http.StatusOK, put(`{"audit":180,"verdicts":90,"sessions":30}`, version))
	require.Equal(t, http.StatusPreconditionFailed, put(`{"audit":365,"verdicts":90,"sessions":30}`, version), "somebody was faster")
	kinds := object(t, b.adminAsks("GET", retentionPath, "").Body.Bytes())["kinds"].([]any)
	require.EqualValues(t, 180, kinds[0].(map[string]any)["days"])
	require.Equal(t, "console", kinds[0].(map[string]any)["source"])
	require.Equal(t, http.StatusBadRequest, b.adminAsks("PATCH", "/api/v1/settings", `{"retention.audit":90}`).Code, "no other way around")
}

// A browser's session types its password again before every act on retention and holds.
func TestRetentionAsksForThePassword(t *testing.T) {
	b := newBench(t)
	header := b.aliceInABrowser()
	for _, c := range []call{
		{method: "PUT", path: retentionPath, body: `{"audit":365,"verdicts":0,"sessions":30}`},
		{method: "PATCH", path: "/api/v1/settings", body: `{"retention.audit":365}`},
		{method: "POST", path: "/api/v1/audit/prune", body: `{}`},
		{method: "POST", path: retentionPath + "/clock", body: `{"reason":"x"}`},
		{method: "POST", path: "/api/v1/audit/holds", body: `{"person":"rita","reason":"x"}`},
	} {
		c.header = header
		w := b.do(c)
		require.Equal(t, http.StatusForbidden, w.Code, "%s %s: %s", c.method, c.path, w.Body)
		require.Equal(t, "confirmation_required", object(t, w.Body.Bytes())["code"])
	}
	dry := b.do(call{method: "POST", path: "/api/v1/audit/prune", body: `{"dry_run":true}`, header: header})
	require.Equal(t, http.StatusOK, dry.Code, "looking is free")
	require.Nil(t, object(t, dry.Body.Bytes())["run"])
}

func TestHoldsOverTheAPI(t *testing.T) {
	b := newBench(t)
	b.confirm()
	w := b.adminAsks("POST", "/api/v1/audit/holds", `{"person":"user:rita","from":"2026-01-01T00:00:00Z","reason":"Case 17"}`)
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	d := object(t, w.Body.Bytes())
	require.Equal(t, "/api/v1/audit/holds/"+d["id"].(string), w.Header().Get("Location"))
	require.Equal(t, []any{"rita", b.idOf("rita"), "2026-01-01T00:00:00.000Z", nil}, []any{d["person"], d["person_id"], d["from"], d["to"]})
	require.Equal(t, http.StatusUnprocessableEntity, b.adminAsks("POST", "/api/v1/audit/holds", `{"person":"nobody","reason":"x"}`).Code)
	require.Equal(t, http.StatusBadRequest, b.adminAsks("POST", "/api/v1/audit/holds", `{"reason":"x"}`).Code)
	release := "/api/v1/audit/holds/" + d["id"].(string) + "/release"
	require.Equal(t, http.StatusBadRequest, b.adminAsks("POST", release, `{"reason":" "}`).Code)
	require.Equal(t, http.StatusOK, b.adminAsks("POST", release, `{"reason":"closed"}`).Code)
	require.Equal(t, http.StatusConflict, b.adminAsks("POST", release, `{"reason":"closed"}`).Code)
	for _, bad := range []string{"?cursor=hld_x", "?cursor=%27", "?all=maybe"} {
		require.Equal(t, http.StatusBadRequest, b.adminAsks("GET", "/api/v1/audit/holds"+bad, "").Code, bad)
	}
	for _, bad := range []string{"?cursor=-1", "?cursor=zz!", "?limit=501", "?cursor=0"} {
		require.Equal(t, http.StatusBadRequest, b.adminAsks("GET", "/api/v1/audit/tombstones"+bad, "").Code, bad)
	}
}
