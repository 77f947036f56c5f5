package app

import (
	"cmp"
	"context"
	"runtime"

	"guardhouse/internal/checkpoint"
	"guardhouse/internal/config"
	"guardhouse/internal/doctor"
	"guardhouse/internal/export"
	"guardhouse/internal/gpu"
	"guardhouse/internal/httpapi/tlsfiles"
	"guardhouse/internal/inference"
	"guardhouse/internal/moderation"
	"guardhouse/internal/overview"
	"guardhouse/internal/policy"
)

// hashMost is the largest model that a look at the machine hashes beside a server at work: about a second.
const hashMost = 1 << 30

// DoctorOptions answers what the doctor is told by settings. Kernels, the environment and what the settings were refused for
// are the caller's to add.
func DoctorOptions(c *config.Config) doctor.Options {
	o := doctor.Options{
		Data: c.Data, ModelsDir: c.ModelsDir, Cert: c.TLSCert, Key: c.TLSKey, LogFile: c.LogFile, Plain: c.AllowPlainLoopback,
		SecretFile: []string{c.JWTSecretFile, c.JWTSecretPreviousFile}, Anchor: c.Anchor, GPUDir: c.GPULibrary,
	}
	if c.ACLFile != "" {
		o.RulesFile, o.Rules = c.ACLFile, func() error { return policy.CheckFile(c.ACLFile, c.Data) }
	}
	o.Exports = func() error { return export.CheckFolder(c.ExportDir, keptFolders(c), doctor.Loose) }
	o.Stored = func(values map[string]string) map[string]error {
		_, problems := c.With(values)
		return problems
	}
	o.States = func() ([]doctor.ModelState, error) {
		all, err := readStates(c.Data)
		return doctorStates(all), err
	}
	o.Spec = inference.Spec{
		Slots: c.Slots, Lanes: c.Lanes, Threads: c.Threads, Batch: c.Batch, Flash: c.FlashAttention, Cache: c.KVCache,
		Kernels: c.Kernels, SlotTokens: moderation.WindowCap,
	}
	for _, p := range []doctor.Port{
		{Setting: "listen", Address: c.Listen},
		{Setting: "api.listen", Address: c.APIListen},
		{Setting: "metrics.listen", Address: c.MetricsListen},
		{Setting: "debug.listen", Address: c.DebugListen},
	} {
		if p.Address != "" {
			o.Ports = append(o.Ports, p)
		}
	}
	return o
}

// newOverview answers the service that looks over everything. files is nil for plain HTTP.
func (a *App) newOverview(files *tlsfiles.Files) *overview.Service {
	b := a.options.Build
	m := overview.Machine{
		Version: cmp.Or(b.Version, "unknown"), Commit: cmp.Or(b.Commit, "unknown"), Go: runtime.Version(), Engine: cmp.Or(b.Engine, "unknown"),
		Data: a.Config.Data, Disk: a.disk, Examine: a.examine, Worker: a.worker(),
	}
	if files != nil {
		m.Certificate = func() overview.Certificate {
			return overview.Certificate{Ends: files.Ends(), Own: !files.Given(), SHA256: files.Fingerprint()}
		}
	}
	return overview.New(overview.Deps{
		Guard: a.Guard, Log: a.Audit, Auth: a.Auth, Catalog: a.Catalog, Scheduler: a.Scheduler, Moderation: a.Moderation, Machine: m, Ignored: a.ignoredSettings, RulesFile: a.rulesFile, Proofs: a.proofsStand,
		Undecided: a.undecided, Exports: a.failedExports, DefaultLeft: a.Policy.DefaultLeft, Alerts: a.openAlerts,
	}, overview.Options{Now: a.now})
}

func (a *App) disk() (overview.Disk, error) {
	u, err := a.DB.Usage()
	return overview.Disk{DatabaseBytes: u.DatabaseBytes, WALBytes: u.WALBytes, FreeBytes: u.FreeBytes, FreeShare: u.FreeShare}, err
}

// examine is the doctor's round from inside the server.
func (a *App) examine(ctx context.Context) doctor.Report {
	o := DoctorOptions(a.Config)
	o.AnchorSilent = a.Checkpoints.State().Anchor.Why == checkpoint.WhySilent
	o.Environ, o.Running, o.HashMost, o.Now = config.Environ(), true, hashMost, a.now
	if kernels := a.options.Kernels; kernels != nil {
		o.Kernels, o.KernelsAuto = kernels(a.Config.Kernels), kernels("auto")
	}
	o.Guards = a.options.Guards
	o.States = func() ([]doctor.ModelState, error) {
		all, err := a.states(ctx)
		return doctorStates(all), err
	}
	if host := a.options.GPU; host != nil {
		o.GPU = func(context.Context) (*gpu.Host, error) { return host, nil }
	}
	return doctor.Run(ctx, o)
}

// rulesFile is how acl.file stands.
func (a *App) rulesFile() overview.RulesFile {
	st := a.Policy.FileState()
	return overview.RulesFile{Problem: st.Problem, Since: st.Since}
}

// proofsStand is how checkpoints and their copies stand.
func (a *App) proofsStand() overview.Proofs {
	st := a.Checkpoints.State()
	return overview.Proofs{
		Unsigned: st.Problem, UnsignedWhy: st.Why, Uncopied: st.Anchor.Problem, UncopiedWhy: st.Anchor.Why, Since: st.Anchor.Since,
		Outside: st.Anchor.Outside, Foreign: st.Anchor.Foreign,
	}
}
