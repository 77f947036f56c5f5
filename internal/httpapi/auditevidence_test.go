package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/evidence"
	"guardhouse/internal/export"
	"guardhouse/internal/httpapi"
	"guardhouse/internal/proof"
	"guardhouse/internal/verify"
)

const evidencePath = "/api/v1/audit/evidence"

// withEvidence has packs made of what the bench's services hold, signed with the key of its exports.
func withEvidence(d *httpapi.Deps, s *services) {
	d.Evidence = evidence.New(evidence.Deps{
		Exports: s.exporting, Guard: d.Guard, Auth: d.Auth, Policy: d.Policy, Catalog: d.Catalog,
		InForce: func(context.Context) (evidence.InForce, error) {
			return evidence.InForce{Of: evidence.OfServer, Settings: []evidence.Setting{{Key: "listen", Value: "x", Source: "flag"}}, Software: evidence.Software{Version: "1.2.0"}}, nil
		},
		Targets: func(context.Context) ([]evidence.Target, error) { return nil, nil },
		Version: "1.2.0",
		Prover: export.Prover{
			Install: func(context.Context) (string, error) { return "ward", nil }, Sign: s.signer.Sign,
			Notes: func(_ context.Context, _, _ int64, each func(string, []byte) error) error {
				return each("key", s.keyNote)
			},
		},
	})
}

// threat U1: the pack that a browser or a program takes away is proved with the public key alone.
func TestEvidenceIsTakenAway(t *testing.T) {
	b := newBench(t)
	b.do(call{method: "POST", path: moderations, as: "rob", body: `{"input":"hello"}`})
	w := b.do(call{method: "GET", path: evidencePath + "?from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00%2B02:00", as: "otto"})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, `attachment; filename="guardhouse-evidence-20200101-20991231.zip"`, w.Header().Get("Content-Disposition"))
	require.Equal(t, "application/zip", w.Header().Get("Content-Type"))
	keys, err := proof.ParseKeys([]byte(b.signer.Verifier()))
	require.NoError(t, err)
	p, err := verify.PackFrom(t.Context(), bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()), keys)
	require.NoError(t, err)
	require.True(t, p.OK(), p.Detail)
	require.Equal(t, "otto", p.Evidence.By)
	rows := b.rows()
	begin, end := rows[len(rows)-2], rows[len(rows)-1]
	require.EqualValues(t, p.Last, begin.Seq, "its own opening row is the last in it")
	require.Equal(t, "evidence", begin.Details["format"])
	require.Equal(t, "end", end.Details["change"])
	require.Equal(t, json.Number(strconv.Itoa(w.Body.Len())), end.Details["bytes"])
	require.Equal(t, begin.Resource, end.Resource)

	w = b.do(call{method: "GET", path: evidencePath, as: "otto"})
	require.Equal(t, `attachment; filename="guardhouse-evidence-begin-now.zip"`, w.Header().Get("Content-Disposition"))
}

func TestEvidenceThatIsNotGiven(t *testing.T) {
	b := newBench(t)
	before := len(b.rows())
	w := b.do(call{method: "GET", path: evidencePath, as: "rob"})
	require.Equal(t, http.StatusForbidden, w.Code)
	rows := b.rows()[before:]
	require.Len(t, rows, 1)
	require.Equal(t, []string{"audit.export", "deny"}, []string{rows[0].Action, rows[0].Decision})
	for _, query := range []string{
		"?from=yesterday", "?from=9999-12-31T00:00:00Z", "?from=2026-11-22T00:00:00Z&to=2026-11-21T00:00:00Z", "?format=csv", "?actor=rob", "?from=2026-01-01T00:00:00Z&from=2026-01-02T00:00:00Z",
	} {
		w := b.do(call{method: "GET", path: evidencePath + query, as: "alice"})
		require.Equal(t, http.StatusBadRequest, w.Code, "%s: %s", query, w.Body)
		require.Empty(t, w.Header().Get("Content-Disposition"))
	}
	for range export.AtOnce {
		_, err := b.exporting.Begin(t.Context(), access.System("tester"), export.Request{Format: export.CSV})
		require.NoError(t, err)
	}
	w = b.do(call{method: "GET", path: evidencePath, as: "alice"})
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "30", w.Header().Get("Retry-After"))
}

// threat P3: a page elsewhere can have a browser open the address; it gets no pack.
func TestEvidenceAskedForElsewhere(t *testing.T) {
	b := newBench(t)
	cookie := b.aliceInABrowser()["Cookie"]
	for site, code := range map[string]int{"cross-site": http.StatusForbidden, "same-site": http.StatusForbidden, "same-origin": http.StatusOK, "none": http.StatusOK} {
		before := len(b.rows())
		w := b.do(call{method: "GET", path: evidencePath + "?to=2031-07-09T00:00:00Z", header: map[string]string{"Cookie": cookie, "Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}})
		require.Equal(t, code, w.Code, site)
		if code == http.StatusForbidden {
			rows := b.rows()[before:]
			require.Len(t, rows, 1)
			require.Equal(t, "cross_site", rows[0].Reason)
			require.False(t, strings.HasPrefix(w.Body.String(), "PK"))
		}
	}
}
