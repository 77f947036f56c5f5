package alert_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/alert"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
)

func TestAnAlertIsToldOnce(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	path := apptest.DBPath(t)
	d := apptest.OpenDBAt(t, path, func() time.Time { return now })
	log := audit.New(d, []byte("content key of a test"))
	var found []alert.Finding
	var broken error
	look := func() {
		// A new service each time: what was told is remembered over a restart.
		s := alert.New(d, log, []alert.Check{{Kind: alert.DiskLow, Find: func(context.Context) ([]alert.Finding, error) { return found, broken }}}, alert.Options{})
		s.Look(t.Context())
	}
	said := func(n int) { t.Helper(); apptest.RequireRows(t, d, n, look) }
	said(0)
	found = []alert.Finding{{Details: map[string]any{"percent": 3}}, {Subject: "b"}}
	said(2)
	page, err := log.List(t.Context(), audit.Filter{Limit: 2, OldestFirst: true})
	require.NoError(t, err)
	require.Equal(t, alert.Raise, page.Items[0].Action)
	require.Equal(t, alert.DiskLow, page.Items[0].Reason)
	require.Equal(t, "alert:disk_low", page.Items[0].Resource)
	require.Equal(t, "alert:disk_low:b", page.Items[1].Resource)
	require.Equal(t, audit.Actor{Type: "system", Name: "alerts"}, page.Items[0].Actor)
	said(0)
	broken = errors.New("cannot look")
	found = nil
	said(0) // who cannot look does not say that it is over
	broken = nil
	said(2)
	found = []alert.Finding{{}}
	said(0) // it comes and goes: not again within the hour
	now = now.Add(2 * time.Hour)
	said(1)
	s := alert.New(d, log, nil, alert.Options{})
	open, err := s.Open(t.Context())
	require.NoError(t, err)
	require.Len(t, open, 1)
	require.Equal(t, now, open[0].RaisedAt)
	recent, err := s.Recent(t.Context())
	require.NoError(t, err)
	require.Len(t, recent, 2)
	require.False(t, recent[1].ClearedAt.IsZero())
	report, err := log.Verify(t.Context())
	require.NoError(t, err)
	require.True(t, report.OK())
}

// What a restart forgets is not over by it.
func TestARestartEndsNoAlert(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	d := apptest.OpenDBAt(t, apptest.DBPath(t), func() time.Time { return now })
	log := audit.New(d, []byte("content key of a test"))
	found, unknown := []alert.Finding{{}}, error(nil)
	look := func() {
		alert.New(d, log, []alert.Check{
			{Kind: alert.ChainBroken, Find: func(context.Context) ([]alert.Finding, error) { return found, unknown }},
			{Kind: alert.KeyLeaked, Lasts: time.Hour, Find: func(context.Context) ([]alert.Finding, error) { return found, nil }},
		}, alert.Options{}).Look(t.Context())
	}
	apptest.RequireRows(t, d, 2, look)
	found, unknown = nil, alert.ErrUnknown
	apptest.RequireRows(t, d, 0, look)
	now = now.Add(time.Hour)
	apptest.RequireRows(t, d, 1, look) // the key's
	unknown = nil
	apptest.RequireRows(t, d, 1, look)
}

// Thousands of a kind, as keys that nobody uses, are told up to a bound and once: not those beyond what is remembered at each look.
// What was over long ago takes no place of those that last.
func TestAlertsOfManySubjectsAreBounded(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	d := apptest.OpenDBAt(t, apptest.DBPath(t), func() time.Time { return now })
	log := audit.New(d, []byte("content key of a test"))
	var found []alert.Finding
	look := func() {
		alert.New(d, log, []alert.Check{{Kind: alert.KeyUnused, Find: func(context.Context) ([]alert.Finding, error) { return found, nil }}}, alert.Options{}).Look(t.Context())
	}
	findings := func(word string, n int) (out []alert.Finding) {
		for i := range n {
			out = append(out, alert.Finding{Subject: fmt.Sprint(word, i)})
		}
		return out
	}
	found = findings("a", 1003)
	apptest.RequireRows(t, d, 1000, look)
	apptest.RequireRows(t, d, 0, look)
	found = nil
	apptest.RequireRows(t, d, 1000, look)
	now = now.Add(2 * time.Hour)
	found = findings("b", 4)
	apptest.RequireRows(t, d, 4, look)
	apptest.RequireRows(t, d, 0, look)
}
