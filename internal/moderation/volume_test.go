package moderation_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/moderation"
)

func TestVolumeFollowsEveryVerdictOnce(t *testing.T) {
	r, _, _ := past(t)
	var all []moderation.Volume
	take := func(v moderation.Volume) { all = append(all, v) }
	seq, err := r.svc.Volume(t.Context(), 0, take)
	require.NoError(t, err)
	require.Len(t, all, 4)
	require.Equal(t, []string{"Safe", "Unsafe", "Controversial", "Safe"}, []string{all[0].Severity, all[1].Severity, all[2].Severity, all[3].Severity})
	require.True(t, all[1].Flagged)
	require.Positive(t, all[0].CreatedAt)
	require.NotZero(t, all[0].TotalUS)

	again, err := r.svc.Volume(t.Context(), seq, take)
	require.NoError(t, err)
	require.Equal(t, seq, again)
	require.Len(t, all, 4, "nothing twice")

	// Three texts of one request are one audit row, and come together.
	_, err = r.svc.Evaluate(t.Context(), rita(), ask(text("bread"), text("a bomb"), text("a lie")))
	require.NoError(t, err)
	_, err = r.svc.Volume(t.Context(), seq, take)
	require.NoError(t, err)
	require.Len(t, all, 7)
}

// The server's own examples are no day's business, and those that come after them are read all the same.
func TestVolumeLeavesOutWhatTheServerAsks(t *testing.T) {
	r := newRig(t)
	for _, p := range []access.Principal{access.Server("examples"), access.System("op"), rita(), access.Server("examples")} {
		_, err := r.svc.Evaluate(t.Context(), p, ask(text("a bomb")))
		require.NoError(t, err)
	}
	n := 0
	complete, err := r.svc.Volume(t.Context(), 0, func(moderation.Volume) { n++ })
	require.NoError(t, err)
	require.Equal(t, 2, n, "the one of the command line and rita's")
	again, err := r.svc.Volume(t.Context(), complete, func(moderation.Volume) { t.Fatal("nothing twice") })
	require.NoError(t, err)
	require.Equal(t, complete, again)
}

func TestVolumeOfAnEmptyHistory(t *testing.T) {
	r := newRig(t)
	seq, err := r.svc.Volume(t.Context(), 12, func(moderation.Volume) { t.Fatal("there is none") })
	require.NoError(t, err)
	require.EqualValues(t, 12, seq)
}

// The walk begins where the last one ended, by an index.
func TestVolumeReadsNoRowTwice(t *testing.T) {
	r := newRig(t)
	var plan []string
	rows, err := r.db.ReadSQL().QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+strings.NewReplacer("?", "1").Replace(moderation.VolumeSQL))
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		plan = append(plan, detail)
	}
	require.NoError(t, rows.Err())
	require.Len(t, plan, 1)
	require.Regexp(t, `^SEARCH verdicts USING INDEX \S+ \(audit_seq>\?\)$`, plan[0])
}
