package audit_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

// fillChunk is how many rows of a test's log one transaction makes: the write-ahead log stays small.
const fillChunk = 50_000

const fillSQL = `INSERT INTO audit_events (seq, id, v, at, actor_type, actor_id, actor_name, key_id, roles, groups, purpose, operation, ip, user_agent,
	action, resource, model, model_sha256, decision, reason, rule_id, policy_version, request_id, content_hash, duration_us, details, prev_hash, hash)
	VALUES (?,?,?,?,?,?,?,?,'["reviewer"]','[]',?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,'{}',?,?)`

// filled answers a log of n rows, one a second, all of them indexed, in one chain: of everything a filter can ask for there is
// much, some and little. Row i is the same whatever n is.
func filled(t testing.TB, n int) (*db.DB, *audit.Log, time.Time) {
	t.Helper()
	d, log := newLog(t)
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	prev := audit.Genesis
	before := pageCache(t, d, -256<<10) // of a chunk, so that no page is written twice: half the time
	for first := 1; first <= n; first += fillChunk {
		require.NoError(t, d.Write(func(tx *db.Tx) (err error) {
			prev, err = fillRows(tx, first, min(first+fillChunk-1, n), start, prev)
			return err
		}))
	}
	pageCache(t, d, before)
	for more := true; more; { // as Index does, without leaving time to others
		var err error
		more, err = log.IndexNext(t.Context())
		require.NoError(t, err)
	}
	return d, log, start
}

// pageCache gives the writer another page cache, negative in KiB as SQLite wants it, and answers the one before.
func pageCache(t testing.TB, d *db.DB, size int) (before int) {
	t.Helper()
	require.NoError(t, d.Write(func(tx *db.Tx) error {
		if err := tx.QueryRow("PRAGMA cache_size").Scan(&before); err != nil {
			return err
		}
		_, err := tx.Exec("PRAGMA cache_size = " + strconv.Itoa(size))
		return err
	}))
	return before
}

// fillRows writes rows first to last behind the hash prev, and answers the last one's hash.
func fillRows(tx *db.Tx, first, last int, start time.Time, prev string) (string, error) {
	stmt, err := tx.Prepare(fillSQL) //nolint:sqlclosecheck // the writer's own, closed with it
	if err != nil {
		return "", err
	}
	for i := first; i <= last; i++ {
		ev := filledRow(i, start)
		ev.PrevHash = prev
		ev.Hash = ev.ComputeHash()
		if _, err := stmt.ExecContext(context.Background(), ev.Seq, ev.ID, ev.V, ev.At.UnixMilli(), ev.Actor.Type, ev.Actor.ID, ev.Actor.Name, ev.KeyID,
			ev.Purpose, ev.Operation, ev.IP, ev.UserAgent, ev.Action, ev.Resource, ev.Model, ev.ModelSHA256, ev.Decision, ev.Reason, ev.RuleID,
			ev.PolicyVersion, ev.RequestID, ev.ContentHash, ev.Duration.Microseconds(), ev.PrevHash, ev.Hash); err != nil {
			return "", err
		}
		prev = ev.Hash
	}
	return prev, nil
}

// filledRow is row i without its place in the chain.
func filledRow(i int, start time.Time) audit.Event {
	number := strconv.Itoa(i)
	every := func(n int, yes, no string) string {
		if i%n == 0 {
			return yes
		}
		return no
	}
	return audit.Event{
		V: audit.Version, Seq: int64(i), ID: "evt_" + number, At: start.Add(time.Duration(i) * time.Second),
		Actor: audit.Actor{Type: "user", ID: "usr_" + strconv.Itoa(i%50), Name: every(50, "张伟", "person "+strconv.Itoa(i%50))},
		KeyID: every(7, "key_"+strconv.Itoa(i%3), ""), Roles: []string{"reviewer"}, Groups: []string{}, Purpose: every(20, "triage", ""),
		Operation: "infer", IP: "192.0.2." + strconv.Itoa(i%250), UserAgent: "a program", Action: every(1000, "user.manage", "moderation.run"),
		Resource: "moderation:" + number, Model: every(3, "imported", "guard-nano"), Decision: every(100, audit.Deny, audit.Allow),
		Reason: every(100, "condition_hours", ""), RuleID: "rule-" + strconv.Itoa(i%10), PolicyVersion: 1, RequestID: "req_" + number,
		Duration: 10 * time.Microsecond, Details: map[string]any{},
	}
}

// What tests and figures of many rows stand on is a chain that verifies.
func TestTheFilledLogIsWhole(t *testing.T) {
	d, log, _ := filled(t, 1000)
	requireWhole(t, log)
	seq, hash, _, err := log.Head(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1000, seq)
	row, err := log.Get(t.Context(), "evt_1000")
	require.NoError(t, err)
	require.Equal(t, hash, row.ComputeHash())
	var indexed int
	require.NoError(t, d.ReadSQL().QueryRowContext(t.Context(), "SELECT seq FROM audit_index").Scan(&indexed))
	require.Equal(t, 1000, indexed)
	next, err := log.Record(entry(fmt.Sprint("after ", seq)))
	require.NoError(t, err)
	require.Equal(t, hash, next.PrevHash, "and goes on")
}
