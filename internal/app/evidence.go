package app

import (
	"context"
	"runtime/debug"

	"guardhouse/internal/access"
	"guardhouse/internal/evidence"
	"guardhouse/internal/export"
	console "guardhouse/internal/settings"
	"guardhouse/web"
)

// openEvidence builds what makes evidence packs. It needs what exports.
func (a *App) openEvidence() {
	a.Evidence = evidence.New(evidence.Deps{
		Exports: a.Export, Guard: a.Guard, Auth: a.Auth, Policy: a.Policy, Catalog: a.Catalog, InForce: a.inForce, Targets: a.targets,
		Prover:  export.Prover{Install: a.Checkpoints.Install, Sign: a.Checkpoints.Sign, Notes: a.notes},
		Version: a.options.Build.Version,
	})
}

// inForce answers what the server of the folder runs with, which this process may be. A command's own settings are those of the shell
// that it was called in: they stand for themselves alone, where nobody serves.
func (a *App) inForce(ctx context.Context) (evidence.InForce, error) {
	if !a.server {
		if of, found, err := served(a.Config.Data); err != nil || found {
			return of, err
		}
	}
	return a.own(ctx)
}

// own answers what this process runs with.
func (a *App) own(ctx context.Context) (evidence.InForce, error) {
	build, _ := debug.ReadBuildInfo()
	all, err := a.settingsInForce(ctx)
	of := evidence.OfCommand
	if a.server {
		of = evidence.OfServer
	}
	return evidence.InForce{
		Of: of, Started: a.began, Settings: all,
		Software: evidence.Software{Version: a.options.Build.Version, Commit: a.options.Build.Commit, Build: build, Lock: web.Lock},
	}, err
}

// settingsInForce answers every key with its value and its source: what flag, environment and file say, and where they say nothing what the
// console stored.
func (a *App) settingsInForce(ctx context.Context) ([]evidence.Setting, error) {
	v, err := a.Settings.Get(ctx, access.Server("evidence"))
	if err != nil {
		return nil, err
	}
	stored := map[string]int{}
	for i, it := range v.Items {
		stored[it.Key] = i
	}
	var out []evidence.Setting
	for _, s := range a.Config.Explain() {
		e := evidence.Setting{Key: s.Key, Value: s.Value, Source: s.Source, Secret: s.Secret}
		if i, shown := stored[s.Key]; shown && !s.Secret {
			it := v.Items[i]
			e.Value, e.ChangedAt, e.ChangedBy, e.EventID = it.InForce, it.ChangedAt, it.ChangedBy, it.EventID
			if it.Source == console.Console {
				e.Source = it.Source
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// targets answers where the log is sent to, as far as it is shown to anybody.
func (a *App) targets(ctx context.Context) ([]evidence.Target, error) {
	all, err := a.Forward.Targets(ctx)
	out := make([]evidence.Target, 0, len(all))
	for _, t := range all {
		address := t.Address
		if address == "" {
			address = t.URL
		}
		out = append(out, evidence.Target{
			ID: t.ID, Kind: t.Kind, Name: t.Name, Address: address, Transport: t.Transport, Scope: t.Scope, State: t.State,
			SentTo: t.Position.Seq, CreatedAt: t.CreatedAt, CreatedBy: t.CreatedBy,
		})
	}
	return out, err
}
