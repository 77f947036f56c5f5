package audit_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

func TestStatsCountDurableRowsAndWalks(t *testing.T) {
	d, log := newLog(t)
	require.Zero(t, log.Stats().VerifiedAt)
	e := entry("rita")
	_, err := log.Record(e)
	require.NoError(t, err)
	e.Decision, e.Reason = audit.Deny, "role"
	_, err = log.Record(e)
	require.NoError(t, err)
	undone := errors.New("the domain row was refused")
	require.ErrorIs(t, d.Write(func(tx *db.Tx) error {
		if _, err := log.Append(tx, e); err != nil {
			return err
		}
		return undone
	}), undone)
	require.Equal(t, map[audit.RowKind]uint64{
		{Action: e.Action, Decision: audit.Allow, Reason: entry("rita").Reason}: 1,
		{Action: e.Action, Decision: audit.Deny, Reason: "role"}:                1,
	}, log.Stats().Rows)

	report, err := log.Verify(t.Context())
	require.NoError(t, err)
	require.True(t, report.OK(), report.Detail)
	s := log.Stats()
	require.False(t, s.VerifiedAt.IsZero())
	require.True(t, s.VerifiedOK)
	_, err = log.Verify(t.Context(), audit.Anchor{Seq: 1, Hash: audit.Genesis})
	require.NoError(t, err)
	require.False(t, log.Stats().VerifiedOK)
}
