package app

import (
	"context"
	"strings"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/checkpoint"
	"guardhouse/internal/proof"
	"guardhouse/internal/retention"
	"guardhouse/internal/verify"
)

// openRetention builds what removes old records. It needs what signs and what forwards.
func (a *App) openRetention() {
	a.Retention = retention.New(retention.Deps{
		DB: a.DB, Guard: a.Guard, Seal: a.Checkpoints, Keys: a.proofKeys, Days: a.retentionDays, Uptime: uptime,
		Verify: a.findingOfLog, Lock: a.pruneAlone, Now: a.now, Log: a.log,
		Forwarded: func(ctx context.Context) (int64, bool, error) { return a.Forward.Delivered(ctx) },
		Exported:  a.Export.Written,
	})
}

// retentionDays answers what is set now.
func (a *App) retentionDays() retention.Days {
	c, _ := a.Config.With(a.Settings.Stored())
	return retention.Days(c.Retention)
}

// proofKeys answers every key that has signed for this log.
func (a *App) proofKeys(ctx context.Context) (proof.Keys, error) {
	list, err := a.Checkpoints.Keys(ctx)
	if err != nil || len(list) == 0 {
		return proof.Keys{}, err
	}
	lines := make([]string, len(list))
	for i, k := range list {
		lines[i] = k.Verifier
	}
	return proof.ParseKeys([]byte(strings.Join(lines, "\n")))
}

// findingOfLog walks the log and answers what is wrong with it. That a clock was set back makes no row less true.
func (a *App) findingOfLog(ctx context.Context) (string, error) {
	// Without the copies a log that was put back would do: rows that go need all that is known.
	known, err := a.proofs(ctx)
	if err != nil {
		return "", err
	}
	r, err := verify.Database(ctx, a.Audit, known)
	if err != nil || r.Finding == audit.ClockBack {
		return "", err
	}
	return r.Finding, nil
}

func uptime() (string, time.Duration, error) {
	b, err := checkpoint.ReadBoot()
	return b.ID, time.Duration(b.MS) * time.Millisecond, err
}
