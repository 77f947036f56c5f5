package audit_test

import (
	"bufio"
	"io"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

func requireWhole(t testing.TB, log *audit.Log) audit.Report {
	t.Helper()
	r, err := log.Verify(t.Context())
	require.NoError(t, err)
	require.Truef(t, r.OK(), "%s at %d: %s", r.Finding, r.At, r.Detail)
	return r
}

// threat U3
func TestFourProcessesMakeOneChain(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	path := apptest.DBPath(t)
	const processes, each = 4, 1000
	var children []*exec.Cmd
	for range processes {
		cmd := command(t.Context(), path, each, 8)
		require.NoError(t, cmd.Start())
		children = append(children, cmd)
	}
	for _, cmd := range children {
		require.NoError(t, cmd.Wait())
	}
	r := requireWhole(t, audit.New(apptest.OpenDBAt(t, path, time.Now), contentKey))
	require.EqualValues(t, processes*each, r.Rows)
	require.EqualValues(t, 1, r.First)
	require.EqualValues(t, processes*each, r.Last)
}

func TestKilledUnderLoadKeepsEveryAcknowledgedRow(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	path := apptest.DBPath(t)
	acknowledged := map[string]bool{}
	for round := range 10 {
		cmd := command(t.Context(), path, 0, 32)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewReader(out)
		for n := 0; ; n++ {
			if n == 100+37*round { // another moment each time
				require.NoError(t, cmd.Process.Kill())
			}
			line, err := lines.ReadString('\n')
			if err == io.EOF {
				break // a line that was cut by the kill was not acknowledged
			}
			require.NoError(t, err)
			acknowledged[line[:len(line)-1]] = true
		}
		require.Error(t, cmd.Wait(), "it was killed")
	}
	d := apptest.OpenDBAt(t, path, time.Now)
	requireWhole(t, audit.New(d, contentKey))
	require.Greater(t, len(acknowledged), 1000)
	requireOnce(t, d, acknowledged)
}

func requireOnce(t *testing.T, d *db.DB, ids map[string]bool) {
	t.Helper()
	for id := range ids {
		var n int
		require.NoError(t, d.ReadSQL().QueryRowContext(t.Context(), "SELECT count(*) FROM audit_events WHERE id = ?", id).Scan(&n))
		require.Equal(t, 1, n, id)
	}
}
