package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/auth"
	"guardhouse/internal/doctor"
	"guardhouse/internal/httpapi"
	"guardhouse/internal/overview"
)

// overview is the real one; the round through the machine looks at the test's own folder.
func (s *services) overview(dir string) *overview.Service {
	return overview.New(overview.Deps{
		Guard: s.guard, Log: s.log, Auth: s.auth, Catalog: s.catalog, Scheduler: s.scheduler, Moderation: s.judge,
		Machine: overview.Machine{Version: "v0.0.0", Data: dir, Examine: func(ctx context.Context) doctor.Report {
			return doctor.Run(ctx, doctor.Options{Data: dir, ModelsDir: filepath.Join(dir, "models"), Running: true})
		}, Worker: &overview.Worker{Restarts: 2, Ended: "signal killed", EndedAt: time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC)}},
	}, overview.Options{})
}

// seen is an overview as a client reads it.
type seen struct {
	State string
	Chain struct{ State string }
	Needs []struct {
		Code, Severity string
		Params         map[string]any
		To             struct{ Page string }
	}
	Today struct {
		From                                                      string
		Hours                                                     int
		Verdicts, Flagged, Controversial, Unsafe, Cached, Refused int64
		MedianMS                                                  *float64 `json:"median_ms"`
		Partial                                                   bool
	}
	Hours []struct {
		Start    string
		Verdicts int64
	}
	Models []struct {
		ID, State string
		Default   bool
		Slots     int
		Device    *string
	}
	Refusals, Changes []struct{ Action, Decision, Reason string }
}

func (b *bench) overviewOf(c call) seen {
	b.t.Helper()
	c.method, c.path = http.MethodGet, "/api/v1/overview"+c.path
	w := b.do(c)
	require.Equal(b.t, http.StatusOK, w.Code, w.Body)
	var out seen
	require.NoError(b.t, json.Unmarshal(w.Body.Bytes(), &out))
	return out
}

func (s seen) codes() []string {
	out := []string{}
	for _, n := range s.Needs {
		out = append(out, n.Code)
	}
	return out
}

func TestOverviewOfADay(t *testing.T) {
	b := newBench(t)
	before := b.overviewOf(call{as: "alice"})
	require.Equal(t, "needs", before.State)
	require.Equal(t, []string{"last_admin"}, before.codes())
	require.Equal(t, "alice", before.Needs[0].Params["name"])
	require.Equal(t, "unverified", before.Chain.State)
	require.Len(t, before.Hours, 24)
	require.Zero(t, before.Today.Verdicts)
	require.Nil(t, before.Today.MedianMS, "nothing took no time")
	require.Equal(t, "guard-nano", before.Models[0].ID)
	require.Equal(t, "ready", before.Models[0].State)
	require.Positive(t, before.Models[0].Slots)
	require.NotNil(t, before.Models[0].Device)
	require.Equal(t, "cpu", *before.Models[0].Device)

	for _, text := range []string{"bread", "zzviolent", "zzlie", "bread"} {
		require.Equal(t, http.StatusOK, b.do(call{method: "POST", path: "/api/v1/moderations", as: "rob", body: `{"input":"` + text + `"}`}).Code)
	}
	require.Equal(t, http.StatusForbidden, b.do(call{method: "POST", path: "/api/v1/moderations", as: "nora", body: `{"input":"bread"}`}).Code)
	_, err := b.log.Verify(t.Context())
	require.NoError(t, err)

	after := b.overviewOf(call{as: "alice"})
	require.Equal(t, "whole", after.Chain.State)
	require.Equal(t, []int64{4, 2, 1, 1, 1}, []int64{after.Today.Verdicts, after.Today.Flagged, after.Today.Controversial, after.Today.Unsafe, after.Today.Refused})
	require.NotNil(t, after.Today.MedianMS)
	require.False(t, after.Today.Partial)
	total := int64(0)
	for _, h := range after.Hours {
		total += h.Verdicts
	}
	require.EqualValues(t, 4, total)
	require.Equal(t, "moderation.run", after.Refusals[0].Action)
	require.Equal(t, "role", after.Refusals[0].Reason)
	require.NotEmpty(t, after.Changes)
	for _, c := range after.Changes {
		require.Equal(t, "allow", c.Decision)
	}
}

// threat Z1: who may read figures and no more is shown figures and no more.
func TestAnOverviewLeavesOutWhatIsNotTheCallers(t *testing.T) {
	b := newBench(t)
	ctx, cli := t.Context(), access.System("tester")
	_, _, err := b.guard.PutRole(ctx, cli, "monitor", access.RoleChange{Actions: []access.Action{access.MetricsRead}})
	require.NoError(t, err)
	_, err = b.auth.CreateUser(ctx, cli, auth.NewUser{Username: "mona", Role: "monitor", Kind: auth.KindService})
	require.NoError(t, err)
	b.keys["mona"] = b.key("mona", nil, nil)
	w := b.do(call{method: "GET", path: "/api/v1/overview", as: "mona"})
	require.Equal(t, http.StatusOK, w.Code)
	for _, hidden := range []string{"alice", "guard-nano", "rita"} {
		require.NotContains(t, w.Body.String(), hidden)
	}
	require.Contains(t, w.Body.String(), `"refusals":null`)
	require.Contains(t, w.Body.String(), `"changes":null`)
	require.Contains(t, w.Body.String(), `"models":null`)
	require.Contains(t, w.Body.String(), `"needs":[]`)
	require.Equal(t, http.StatusForbidden, b.do(call{method: "GET", path: "/api/v1/system", as: "mona"}).Code)
}

func TestWindowsOfAnOverview(t *testing.T) {
	b := newBench(t)
	now := time.Now().UTC()
	kathmandu := now.Truncate(24 * time.Hour).Add(-5*time.Hour - 45*time.Minute)
	o := b.overviewOf(call{as: "alice", path: "?hours=25&from=" + kathmandu.Format(time.RFC3339)})
	require.Equal(t, kathmandu.Format("2006-01-02T15:04:05.000Z"), o.Today.From)
	require.Len(t, o.Hours, 25)
	for name, query := range map[string]string{
		"no quarter": "?from=" + now.Truncate(time.Hour).Add(7*time.Minute).Format(time.RFC3339), "long ago": "?from=2020-01-01T00:00:00Z",
		"far ahead": "?from=2120-01-01T00:00:00Z", "no time": "?from=yesterday", "too long": "?hours=26", "no hour": "?hours=0", "unknown": "?tz_offset=60",
	} {
		w := b.do(call{method: "GET", path: "/api/v1/overview" + query, as: "alice"})
		require.Equal(t, http.StatusBadRequest, w.Code, name)
	}
}

func TestSystemIsTheDoctorFromInside(t *testing.T) {
	b := newBench(t)
	var first struct {
		CheckedAt string `json:"checked_at"`
		Checks    []struct{ Name, Code, Status, Detail, Do, Command string }
		Facts     struct{ Version, Data string }
	}
	w := b.do(call{method: "GET", path: "/api/v1/system", as: "alice"})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &first))
	require.Equal(t, "v0.0.0", first.Facts.Version)
	require.Contains(t, w.Body.String(), `"worker":{"ended":"signal killed","ended_at":"2026-11-22T08:30:00.000Z","restarts":2}`)
	found := map[string]string{}
	for _, c := range first.Checks {
		require.NotEmpty(t, c.Code)
		found[c.Name+" "+c.Code] = c.Status
	}
	require.Equal(t, "ok", found["database database"])
	require.Equal(t, "ok", found["audit log audit_whole"])
	again := b.do(call{method: "GET", path: "/api/v1/system?fresh=false", as: "alice"})
	require.Contains(t, again.Body.String(), first.CheckedAt, "the last report is shown while it is young")
}

func TestWithoutAnOverviewThereIsNone(t *testing.T) {
	b := newBench(t, func(_ *httpapi.Options, d *httpapi.Deps) { d.Overview = nil })
	for _, path := range []string{"/api/v1/overview", "/api/v1/system"} {
		require.Equal(t, http.StatusNotFound, b.do(call{method: "GET", path: path, as: "alice"}).Code)
	}
}

// TestNeedsAreInTheDocument: whoever shows needs reads all their codes there, and no other.
func TestNeedsAreInTheDocument(t *testing.T) {
	var made []string
	for _, name := range []string{"needs.go", "machine.go", "exports.go"} {
		source, err := os.ReadFile("../overview/" + name)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`(?:Need\{+|\badd\(|Code, n\.Severity = )"(\w+)"`).FindAllSubmatch(source, -1) {
			made = append(made, string(m[1]))
		}
	}
	slices.Sort(made)
	document, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err)
	said := regexp.MustCompile(`"What needs somebody: ([a-z_, ]+)\."`).FindSubmatch(document)
	require.NotNil(t, said)
	written := strings.Split(string(said[1]), ", ")
	slices.Sort(written)
	require.Greater(t, len(written), 20)
	require.Equal(t, slices.Compact(made), written)
}
