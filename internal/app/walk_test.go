package app

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/alert"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

// A row that was changed is found by the server itself, and a restart does not say that it is over.
func TestTheServerFindsABrokenChain(t *testing.T) {
	data := t.TempDir()
	a := opened(t, data)
	_, err := a.Audit.Record(audit.Entry{Actor: audit.Actor{Type: "system", Name: "test"}, Action: "moderation.run", Decision: audit.Allow})
	require.NoError(t, err)
	var trigger string
	require.NoError(t, a.DB.ReadSQL().QueryRow(`SELECT sql FROM sqlite_master WHERE name = 'audit_events_no_update'`).Scan(&trigger))
	require.NoError(t, a.DB.Write(func(tx *db.Tx) error {
		for _, q := range []string{`DROP TRIGGER audit_events_no_update`, `UPDATE audit_events SET decision = 'deny' WHERE seq = 1`, trigger} {
			if _, err := tx.Exec(q); err != nil {
				return err
			}
		}
		return nil
	}))
	broken := func(a *App) bool {
		a.Alerts.Look(t.Context())
		open, err := a.Alerts.Open(t.Context())
		require.NoError(t, err)
		for _, o := range open {
			if o.Kind == alert.ChainBroken {
				return true
			}
		}
		return false
	}
	require.False(t, broken(a), "nobody has looked")
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { a.walkChain(ctx, time.Nanosecond, time.Hour) })
	require.Eventually(t, func() bool { return !a.Audit.Stats().VerifiedAt.IsZero() }, 20*time.Second, 5*time.Millisecond)
	cancel()
	work.Wait()
	require.True(t, broken(a))
	again, err := Open(t.Context(), a.Config, a.options)
	require.NoError(t, err)
	defer func() { require.NoError(t, again.Close()) }()
	require.True(t, broken(again), "a restart has not looked")
}
