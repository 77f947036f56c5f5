package doctor_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/app"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth"
	"guardhouse/internal/config"
	"guardhouse/internal/db"
	"guardhouse/internal/doctor"
	"guardhouse/internal/httpapi/tlsfiles"
	"guardhouse/internal/isa"
)

// made is a real data folder with an admin, at rest.
func made(t *testing.T) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	a := opened(t, data)
	_, err := a.Auth.CreateUser(t.Context(), app.SystemPrincipal("tester"), auth.NewUser{Username: "bot", Kind: auth.KindService, Role: "guest"})
	require.NoError(t, err)
	_, err = tlsfiles.Open(tlsfiles.Options{Dir: filepath.Join(data, "tls"), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NoError(t, a.Close())
	return data
}

func opened(t *testing.T, data string) *app.App {
	t.Helper()
	c, err := config.Load(config.Sources{Flags: map[string]string{"data": data}, Environ: []string{}, File: os.DevNull})
	require.NoError(t, err)
	a, err := app.Open(t.Context(), c, app.Options{Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return a
}

func options(data string) doctor.Options {
	return doctor.Options{Data: data, ModelsDir: filepath.Join(data, "models"), Ports: []doctor.Port{{Setting: "listen", Address: "127.0.0.1:8443"}}}
}

// footprint is every file of a folder with what would betray that it was touched. Access times may move.
func footprint(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		var sum [32]byte
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum = sha256.Sum256(data)
		}
		out[path] = fmt.Sprintf("%v %v %x", info.Mode(), info.ModTime(), sum)
		return nil
	}))
	return out
}

func says(r doctor.Report, status doctor.Status, name, part string) bool {
	for _, c := range r.Checks {
		if c.Status == status && c.Name == name && strings.Contains(c.Detail, part) {
			return true
		}
	}
	return false
}

func run(t *testing.T, o doctor.Options) doctor.Report {
	t.Helper()
	r := doctor.Run(context.Background(), o)
	failed := false
	for _, c := range r.Checks {
		require.NotEmpty(t, c.Detail, c.Name)
		require.NotEmpty(t, c.Code, c.Detail)
		require.Equal(t, c.Status != doctor.OK, c.Do != "", "%s says what to do, and only when there is something: %+v", c.Name, c)
		failed = failed || c.Status == doctor.Fail
	}
	require.Equal(t, !failed, r.OK)
	return r
}

func TestAGoodFolderFailsNothingAndStaysAsItIs(t *testing.T) {
	data := made(t)
	before := footprint(t, data)
	for _, deep := range []bool{false, true} {
		o := options(data)
		o.Deep = deep
		r := run(t, o)
		require.True(t, r.OK, "%+v", r)
		for _, name := range []string{"settings", "data folder", "files", "certificate", "database", "audit log", "models"} {
			require.True(t, says(r, doctor.OK, name, ""), "%s: %+v", name, r)
		}
		require.True(t, says(r, doctor.Warn, "audit log", "nothing outside this machine"), "%+v", r)
		require.Equal(t, before, footprint(t, data))
	}
}

func TestWithoutAFolderNothingIsMade(t *testing.T) {
	data := filepath.Join(t.TempDir(), "a", "b")
	r := run(t, options(data))
	require.True(t, r.OK)
	require.True(t, says(r, doctor.Warn, "database", "none yet"))
	require.NoDirExists(t, filepath.Dir(data))
}

func TestTrustLinesNameTheAuthority(t *testing.T) {
	data := made(t)
	for _, c := range run(t, options(data)).Checks {
		if c.Name != "certificate" {
			continue
		}
		text := strings.Join(c.Notes, "\n")
		ca := filepath.Join(data, "tls", "ca.pem")
		require.Contains(t, text, "curl --cacert "+ca+" https://127.0.0.1:8443/healthz")
		require.Contains(t, text, "SSL_CERT_FILE="+ca)
		require.Contains(t, text, "NODE_EXTRA_CA_CERTS="+ca)
		require.Contains(t, c.Detail, "localhost")
		return
	}
	require.Fail(t, "no certificate was looked at")
}

// A crash leaves rows in the log alone: they are seen, and neither the folder nor the temporary one keeps a trace.
func TestACrashedFolderIsReadWithItsLogAndNotRepaired(t *testing.T) {
	data := made(t)
	a := opened(t, data)
	for range 5 {
		require.NoError(t, a.Guard.Reject(t.Context(), access.System("tester"), access.Op{Action: access.AuditRead}, audit.Deny, "role"))
	}
	crashed := filepath.Join(t.TempDir(), "crashed")
	require.NoError(t, os.CopyFS(crashed, os.DirFS(data)))
	require.NoError(t, a.Close())
	require.NoError(t, os.Remove(filepath.Join(crashed, "guardhouse.db-shm")))
	private(t, crashed)
	info, err := os.Stat(filepath.Join(crashed, "guardhouse.db-wal"))
	require.NoError(t, err)
	require.Positive(t, info.Size())

	before := footprint(t, crashed)
	o := options(crashed)
	o.Temp = t.TempDir()
	r := run(t, o)
	require.True(t, r.OK, "%+v", r)
	require.True(t, says(r, doctor.OK, "audit log", "6 rows"), "%+v", r)
	require.Equal(t, before, footprint(t, crashed))
	left, err := os.ReadDir(o.Temp)
	require.NoError(t, err)
	require.Empty(t, left)
}

func private(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	}))
}

func TestBesideAProcessThatHasItOpen(t *testing.T) {
	data := made(t)
	a := opened(t, data)
	require.NoError(t, a.Guard.Reject(t.Context(), access.System("tester"), access.Op{Action: access.AuditRead}, audit.Deny, "role"))
	// The readers of a database in use meet in this piece of memory that has a name.
	shm := filepath.Join(data, "guardhouse.db-shm")
	before := footprint(t, data)
	r := run(t, options(data))
	require.True(t, r.OK, "%+v", r)
	require.True(t, says(r, doctor.OK, "audit log", "2 rows"), "%+v", r)
	after := footprint(t, data)
	delete(before, shm)
	delete(after, shm)
	require.Equal(t, before, after)
	require.NoError(t, a.Guard.Reject(t.Context(), access.System("tester"), access.Op{Action: access.AuditRead}, audit.Deny, "role"), "it goes on")
	require.NoError(t, a.Close())
}

func TestSettingsAndEnvironment(t *testing.T) {
	o := options(filepath.Join(t.TempDir(), "data"))
	o.Settings, o.Unknown = errors.New("listen (from file) wants host:port"), []string{"GUARDHOUSE_LISEN"}
	const planted = "http://user:secret@proxy"
	o.Environ = []string{"LD_PRELOAD=/srv/x.so", "GGML_BACKEND_PATH=/srv/y.so", "https_proxy=" + planted, "GOTRACEBACK=crash", "PATH=/bin", "LD_AUDIT="}
	r := run(t, o)
	require.False(t, r.OK)
	require.True(t, says(r, doctor.Fail, "settings", "wants host:port"))
	require.True(t, says(r, doctor.Fail, "environment", "GUARDHOUSE_LISEN"))
	for _, name := range []string{"LD_PRELOAD puts", "GGML_BACKEND_PATH", "https_proxy", "GOTRACEBACK"} {
		require.True(t, says(r, doctor.Warn, "environment", name), name)
	}
	text := fmt.Sprintf("%+v", r)
	for _, never := range []string{"secret", "/srv/x.so", "LD_AUDIT"} {
		require.NotContains(t, text, never, "a value may be a secret")
	}
}

func TestTheMachineAsTheKernelTells(t *testing.T) {
	proc, sys := t.TempDir(), t.TempDir()
	put := func(root, name, text string) {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	put(proc, "meminfo", "MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable:   8000000 kB\n")
	put(proc, "net/tcp", "  sl  local_address rem_address   st\n   0: 0100007F:20FB 00000000:0000 0A 0:0 0 0\n   1: 0100007F:2500 00000000:0000 01 0:0 0 0\n")
	put(proc, "swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n")
	put(sys, "fs/cgroup/memory.max", "268435456\n")
	put(sys, "fs/cgroup/memory.current", "1048576\n")
	put(sys, "fs/cgroup/cpu.max", "150000 100000\n")
	put(sys, "class/rtc/rtc0/since_epoch", fmt.Sprint(now.Add(-time.Hour).Unix()))
	o := options(filepath.Join(t.TempDir(), "data"))
	o.Proc, o.Sys, o.Dev, o.Now = proc, sys, t.TempDir(), func() time.Time { return now }
	o.Ports = append(o.Ports, doctor.Port{Setting: "api.listen", Address: "127.0.0.1:9472"})
	r := run(t, o)
	require.True(t, says(r, doctor.Fail, "ports", "8443 (listen): something else listens there"), "%+v", r)
	require.True(t, says(r, doctor.OK, "ports", "9472 (api.listen) is free"), "a connection is no listener")
	require.True(t, says(r, doctor.Warn, "memory", "limit is 256 MiB"))
	require.True(t, says(r, doctor.Warn, "clock", "1h0m0s away"))
	require.True(t, says(r, doctor.Warn, "environment", "swap is on"))
	require.True(t, says(r, doctor.OK, "gpu", "none is seen"))
	processor := false
	for _, c := range r.Checks {
		processor = processor || (c.Name == "processor" && strings.Contains(c.Detail, "limit is 1.5"))
	}
	require.True(t, processor)

	put(o.Dev, "nvidia0", "")
	o.Now = func() time.Time { return time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC) }
	r = run(t, o)
	require.True(t, says(r, doctor.OK, "gpu", "NVIDIA"))
	require.True(t, says(r, doctor.Fail, "clock", "1970"))
}

func TestTheProcessorSaysWhatIsUsedAndWhatCouldBe(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("names of x86-64")
	}
	v3 := []string{"SSE3", "SSSE3", "SSE4.1", "SSE4.2", "POPCNT", "AVX", "F16C", "FMA", "MOVBE", "LZCNT", "BMI", "AVX2", "BMI2"}
	v4 := append(slices.Clone(v3), "AVX512F", "AVX512DQ", "AVX512CD", "AVX512BW", "AVX512VL", "AVX512-VNNI")
	sets := func(built, here []string) []isa.Set {
		all := make([]isa.Set, 0, len(v4))
		for _, name := range v4 {
			all = append(all, isa.Set{Name: name, Built: slices.Contains(built, name), Here: slices.Contains(here, name)})
		}
		return all
	}
	bare, virtual := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bare, "cpuinfo"), []byte("processor: 0\nflags\t\t: fpu sse2 avx2\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(virtual, "cpuinfo"), []byte("processor: 0\nflags\t\t: fpu hypervisor avx2\n"), 0o600))
	for _, c := range []struct {
		name            string
		built, here     []string
		kernels, proc   string
		status          doctor.Status
		detail, do, why string
	}{
		{"a release on a new server", v3, v4, "avx512", virtual, doctor.OK, "x86-64-v4 AVX512-VNNI, binary for x86-64-v3, kernels avx512; ", "", ""},
		{"a release on an older server", v3, v3, "avx2", bare, doctor.OK, "x86-64-v3, binary for x86-64-v3, kernels avx2; ", "", ""},
		{"in a virtual machine that hides its host", v3, v3, "avx2", virtual, doctor.OK, "kernels avx2", "", "pass the host's processor on"},
		{"the engine was not asked", v3, v3, "", bare, doctor.OK, "binary for x86-64-v3; ", "", ""},
		{"too old", nil, v3[:5], "avx512", bare, doctor.Warn, "lacks AVX, F16C, FMA, MOVBE, LZCNT, BMI, AVX2, BMI2: ", "2015", ""},
		{"compiled for too little", nil, v4, "avx512", bare, doctor.Warn, "compiled without SSE3, ", "GH_MARCH=x86-64-v3", ""},
		{"kernels turned off", v3, v4, "none", bare, doctor.Warn, "kernels none where avx512 runs", "engine.kernels", ""},
	} {
		o := options(filepath.Join(t.TempDir(), "data"))
		o.Proc, o.Kernels, o.Sets = c.proc, c.kernels, sets(c.built, c.here)
		if o.KernelsAuto = c.kernels; c.kernels == "none" {
			o.KernelsAuto = "avx512"
		}
		found := false
		for _, check := range run(t, o).Checks {
			if check.Name != "processor" {
				continue
			}
			found = true
			require.Equal(t, c.status, check.Status, c.name)
			require.Contains(t, check.Detail, c.detail, c.name)
			require.Contains(t, check.Detail, "cores may be used", c.name)
			require.Contains(t, check.Do, c.do, c.name)
			require.Equal(t, c.why != "", len(check.Notes) == 1, "%s: %v", c.name, check.Notes)
			require.Contains(t, strings.Join(check.Notes, ""), c.why, c.name)
		}
		require.True(t, found, c.name)
	}
}

func TestAGivenCertificateNearItsEnd(t *testing.T) {
	data := made(t)
	pair := filepath.Join(data, "tls", "leaf.key")
	o := options(data)
	o.Cert, o.Key = pair, pair
	o.Now = func() time.Time { return time.Now().Add(380 * 24 * time.Hour) }
	require.True(t, says(run(t, o), doctor.Warn, "certificate", "days"))
	o.Now = func() time.Time { return time.Now().Add(400 * 24 * time.Hour) }
	require.True(t, says(run(t, o), doctor.Fail, "certificate", "ended on"))
	o.Key = filepath.Join(data, "absent.pem")
	require.True(t, says(run(t, o), doctor.Fail, "certificate", "cannot be used"))
	o.Plain = true
	require.True(t, says(run(t, o), doctor.Warn, "certificate", "plain HTTP"))
}

// Looking at ports opens none: a server that starts at the same time is not in anybody's way.
func TestThePortOfAnotherProgramIsSeen(t *testing.T) {
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	o := options(filepath.Join(t.TempDir(), "data"))
	o.Ports = []doctor.Port{{Setting: "listen", Address: ln.Addr().String()}}
	require.True(t, says(run(t, o), doctor.Fail, "ports", "something else listens"))
	require.NoError(t, ln.Close())
	require.True(t, says(run(t, o), doctor.OK, "ports", "is free"))
}

// A guard that the setting names and that came to nothing is told of, as the server noted it.
func TestAGuardThatWasGivenUpIsTold(t *testing.T) {
	data := made(t)
	a := opened(t, data)
	require.NoError(t, a.DB.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO meta (key, value) VALUES ('models.proven.guard', '{"id":"guard-nano","gave_up":"second","reason":"canary_drift"}')`)
		return err
	}))
	require.NoError(t, a.Close())
	checks := doctor.Run(t.Context(), options(data)).Checks
	i := slices.IndexFunc(checks, func(c doctor.Check) bool { return c.Code == "models_given_up" })
	require.GreaterOrEqual(t, i, 0)
	require.Equal(t, doctor.Warn, checks[i].Status)
	require.Equal(t, "second was to be the default guard and did not prove itself (canary_drift): guard-nano goes on judging", checks[i].Detail)
	require.Equal(t, map[string]any{"model": "second", "default": "guard-nano", "reason": "canary_drift"}, checks[i].Params)
}
