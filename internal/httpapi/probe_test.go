package httpapi_test

import (
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/httpapi"
	"guardhouse/internal/proof"
)

// A disk that hangs, or a lock that another process keeps, is said in the time of a balancer's probe, and once it is
// known nobody waits for it again.
func TestReadinessDoesNotHangWithTheDisk(t *testing.T) {
	answers := make(chan struct{})
	var asked atomic.Int64
	b := newBench(t, func(_ *httpapi.Options, d *httpapi.Deps) {
		d.Writable = func() error { asked.Add(1); <-answers; return nil }
	})
	ready := func() int { return b.do(call{method: "GET", path: "/readyz"}).Code }
	began := time.Now()
	require.Equal(t, http.StatusServiceUnavailable, ready())
	require.Less(t, time.Since(began), 8*time.Second)
	for range 100 {
		require.Equal(t, http.StatusServiceUnavailable, ready())
	}
	require.Less(t, time.Since(began), 10*time.Second, "it is waited for once")
	require.EqualValues(t, 1, asked.Load(), "one probe at a time")
	close(answers)
	require.Eventually(t, func() bool { return ready() == http.StatusOK }, 10*time.Second, 10*time.Millisecond)
}

// threat U1: that nobody keeps copies any more is said to whoever watches, and stops nobody.
func TestReadyNamesAnAnchorThatIsAway(t *testing.T) {
	r, err := template()
	require.NoError(t, err)
	dir := copied(t, r)
	b := newBenchAt(t, dir, r)
	require.NotContains(t, b.do(call{method: "GET", path: "/readyz"}).Body.String(), "degraded")
	anchor := filepath.Join(dir, "anchor")
	require.NoError(t, os.RemoveAll(anchor))
	require.NoError(t, os.WriteFile(anchor, nil, 0o600), "a file where the folder belongs")
	require.NoError(t, b.checkpoints.Write(t.Context(), proof.CauseManual))
	w := b.do(call{method: "GET", path: "/readyz"})
	require.Equal(t, http.StatusOK, w.Code)
	require.JSONEq(t, `{"status":"ready","degraded":[{"code":"anchor_failing","detail":"Checkpoints of the audit log cannot be copied to their folder."}]}`, w.Body.String())
	require.Equal(t, []string{"anchor_failing"}, b.server.Degraded())
	require.Empty(t, b.server.NotReady(t.Context()))
	require.NoError(t, os.Remove(anchor))
	require.NoError(t, b.checkpoints.Write(t.Context(), proof.CauseManual))
	require.JSONEq(t, `{"status":"ready"}`, b.do(call{method: "GET", path: "/readyz"}).Body.String())
}

// threat U1: that the log's last full check found something is said to whoever watches, and stops nobody.
func TestReadyNamesAChainThatIsBroken(t *testing.T) {
	b := newBench(t)
	_, err := b.log.Verify(t.Context(), audit.Anchor{Seq: 1, Hash: audit.Genesis})
	require.NoError(t, err)
	w := b.do(call{method: "GET", path: "/readyz"})
	require.Equal(t, http.StatusOK, w.Code)
	require.JSONEq(t, `{"status":"ready","degraded":[{"code":"chain_broken","detail":"The last full check of the audit log found something wrong."}]}`, w.Body.String())
	require.Equal(t, []string{"chain_broken"}, b.server.Degraded())
	require.Empty(t, b.server.NotReady(t.Context()))
	_, err = b.log.Verify(t.Context())
	require.NoError(t, err)
	require.JSONEq(t, `{"status":"ready"}`, b.do(call{method: "GET", path: "/readyz"}).Body.String(), "the next check that finds nothing ends it")
}
