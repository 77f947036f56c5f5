package app

import (
	"cmp"
	"context"
	"os"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/alert"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth"
	"guardhouse/internal/checkpoint"
	"guardhouse/internal/forward"
	"guardhouse/internal/metrics"
	"guardhouse/internal/overview"
)

// openForwarding builds what sends the log to other machines, and what raises alerts.
func (a *App) openForwarding(keys *auth.Keys) (err error) {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	a.Forward, err = forward.New(forward.Deps{
		DB: a.DB, Log: a.Audit, Guard: a.Guard, Key: keys.Sub("forwarding"), Notes: a.checkpointNotes(),
	}, forward.Options{Hosts: a.Config.ForwardHosts, Host: host, Now: a.now, Log: a.log})
	if err != nil {
		return err
	}
	a.Alerts = alert.New(a.DB, a.Audit, a.alertChecks(), alert.Options{Log: a.log})
	return nil
}

// When an alert is raised.
const (
	burstWithin = 10 * time.Minute
	burstOf     = 20
	lowDisk     = 0.10
	lowDiskFree = 10 << 30
	stuckAfter  = 10 * time.Minute
	keysEvery   = 14 * 24 * time.Hour
	leakedFor   = time.Hour
)

// alertChecks are what is looked at.
func (a *App) alertChecks() []alert.Check {
	return []alert.Check{
		{Kind: alert.SignInBurst, Find: a.findBurst},
		{Kind: alert.ChainBroken, Find: a.findBroken},
		{Kind: alert.DiskLow, Find: a.findLowDisk},
		{Kind: alert.KeyUnused, Find: a.findUnused},
		{Kind: alert.KeyLeaked, Find: a.findLeaked, Lasts: leakedFor},
		{Kind: alert.ForwardingStuck, Find: a.findStuck},
		{Kind: alert.AnchorFailing, Find: a.findAnchor},
		{Kind: alert.CanaryDrift, Find: a.findDrifted},
	}
}

func (a *App) findBurst(ctx context.Context) ([]alert.Finding, error) {
	now := a.now()
	c, err := a.Audit.Count(ctx, audit.CountOf{
		Action: string(access.AuthLogin), Decision: audit.Deny, From: now.Add(-burstWithin), To: now.Add(time.Minute),
	})
	if err != nil || c.Attempts < burstOf {
		return nil, err
	}
	return one("", map[string]any{"attempts": c.Attempts, "addresses": c.Addresses}), nil
}

func (a *App) findBroken(context.Context) ([]alert.Finding, error) {
	s := a.Audit.Stats()
	switch {
	case s.VerifiedAt.IsZero():
		return nil, alert.ErrUnknown
	case s.VerifiedOK:
		return nil, nil
	}
	return one("", map[string]any{"finding": s.Verified.Finding, "row": s.Verified.At}), nil
}

func (a *App) findLowDisk(context.Context) ([]alert.Finding, error) {
	u, err := a.DB.Usage()
	if err != nil || u.FreeShare >= lowDisk || u.FreeBytes >= lowDiskFree {
		return nil, err
	}
	const mebi = 1 << 20
	return one("", map[string]any{"percent": int64(u.FreeShare * 100), "free_mib": int64(u.FreeBytes / mebi)}), nil
}

func (a *App) findUnused(ctx context.Context) ([]alert.Finding, error) {
	st, err := a.Auth.Standing(ctx, auth.KeyUnused, keysEvery)
	if err != nil || st.Unused.Count == 0 {
		return nil, err
	}
	details, err := a.keyDetails(ctx, st.Unused.ID)
	details["keys"] = st.Unused.Count
	return one("", details), err
}

// keyDetails says in an alert which key it is about, by what people know it by.
func (a *App) keyDetails(ctx context.Context, id string) (map[string]any, error) {
	k, err := a.Auth.KeyNames(ctx, id)
	return map[string]any{"key": id, "prefix": k.Prefix, "label": k.Label, "owner": k.Owner}, err
}

// findLeaked tells of keys that were shown with their secret after they were revoked: somebody has a copy.
func (a *App) findLeaked(ctx context.Context) (found []alert.Finding, err error) {
	for _, id := range a.Auth.RevokedShown() {
		details, err := a.keyDetails(ctx, id)
		if err != nil {
			return nil, err
		}
		found = append(found, alert.Finding{Subject: id, Details: details})
	}
	return found, nil
}

func (a *App) findStuck(ctx context.Context) (found []alert.Finding, err error) {
	targets, err := a.Forward.Targets(ctx)
	for _, t := range targets {
		if t.State == forward.Failing && a.now().Sub(t.FailingSince) >= stuckAfter {
			found = append(found, alert.Finding{Subject: t.ID, Details: map[string]any{"name": t.Name, "address": cmp.Or(t.Address, t.URL), "code": t.Error}})
		}
	}
	return found, err
}

func one(subject string, details map[string]any) []alert.Finding {
	return []alert.Finding{{Subject: subject, Details: details}}
}

// openAlerts answers the alerts that last, as the overview shows them.
func (a *App) openAlerts(ctx context.Context) ([]overview.Alert, error) {
	open, err := a.Alerts.Open(ctx)
	out := make([]overview.Alert, 0, len(open))
	for _, o := range open {
		out = append(out, overview.Alert{Kind: o.Kind, Subject: o.Subject, EventID: o.EventID, Since: o.RaisedAt, Details: o.Details})
	}
	return out, err
}

func (a *App) forwardMetrics() ([]metrics.Forward, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askWithin)
	defer cancel()
	stats, err := a.Forward.Stats(ctx)
	out := make([]metrics.Forward, 0, len(stats))
	for _, s := range stats {
		out = append(out, metrics.Forward(s))
	}
	return out, err
}

// checkpointNotes answers where signed checkpoints are read.
func (a *App) checkpointNotes() func(ctx context.Context, after int64, limit int) ([]forward.Note, error) {
	return func(ctx context.Context, after int64, limit int) ([]forward.Note, error) {
		rows, err := checkpoint.ReadAfter(ctx, a.DB, after, limit)
		out := make([]forward.Note, 0, len(rows))
		for _, r := range rows {
			out = append(out, forward.Note{Number: r.Number, Seq: r.Seq, Hash: r.Hash, At: r.At, Text: r.Note})
		}
		return out, err
	}
}

// findAnchor tells of checkpoints that cannot be written or copied.
func (a *App) findAnchor(context.Context) ([]alert.Finding, error) {
	st := a.Checkpoints.State()
	switch {
	case st.Problem != "":
		return one("checkpoint", map[string]any{"why": st.Why}), nil
	case st.Anchor.Problem != "" || st.Anchor.Foreign:
		return one("anchor", map[string]any{"why": cmp.Or(st.Anchor.Why, "foreign")}), nil
	}
	return nil, nil
}
