package app

import (
	"context"
	"fmt"

	"guardhouse/internal/access"
	"guardhouse/internal/alert"
	"guardhouse/internal/canary"
	"guardhouse/internal/catalog"
	"guardhouse/internal/metrics"
)

// openCanary makes the service that holds guards to what they said before.
func (a *App) openCanary() (err error) {
	a.Canary, err = canary.New(canary.Deps{
		DB: a.DB, Audit: a.Audit, Catalog: a.Catalog, Judge: a.Moderation, Builtin: a.options.Canaries, Log: a.log,
	}, canary.Options{At: a.Config.CanaryAt, Now: a.now})
	return err
}

// trusts refuses a guard whose canaries drifted.
func (a *App) trusts(m catalog.Model) error { return a.Canary.Trust(m) }

// RecordCanaries loads a guard, in this process alone, and takes what it answers to its canaries for right from now on.
func (a *App) RecordCanaries(ctx context.Context, p access.Principal, id string) (catalog.Model, error) {
	m, err := a.Catalog.Resolve(ctx, id)
	if err != nil {
		return m, err
	}
	if err := a.LoadModel(ctx, m.ID); err != nil {
		return m, fmt.Errorf("loading the model: %w", err)
	}
	return m, a.Canary.Record(ctx, p, m)
}

func (a *App) canaryMetrics() (out []metrics.Canary) {
	for id, st := range a.Canary.States() {
		out = append(out, metrics.Canary{Model: id, Passed: st.Result == canary.Passed, Drifted: len(st.Drifts), At: st.At})
	}
	return out
}

// findDrifted tells of guards that are not used because they answer otherwise than before.
func (a *App) findDrifted(context.Context) (found []alert.Finding, err error) {
	for id, st := range a.Canary.Drifted() {
		found = append(found, alert.Finding{Subject: id, Details: map[string]any{
			"model": id, "sha256": st.SHA256, "result": st.Result, "drifted": int64(len(st.Drifts)), "canaries": int64(st.Total),
		}})
	}
	return found, nil
}
