package httpapi_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/catalog"
	"guardhouse/internal/httpapi"
	"guardhouse/internal/policy"
	"guardhouse/internal/rehearsal"
	"guardhouse/internal/rule"
	"guardhouse/models"
)

func newClock() *apptest.Clock {
	return apptest.NewClock(time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC))
}

// newGuarded is newBench with another gate, such as one with a clock of the test's.
func newGuarded(t testing.TB, o access.Options, settings ...setting) *bench {
	t.Helper()
	r, err := template()
	require.NoError(t, err)
	dir := copied(t, r)
	s, err := openGuarded(dir, newEngine(t), o)
	require.NoError(t, err)
	return newBenchOf(t, dir, r, s, settings...)
}

// newExplaining is newGuarded with what explains and rehearses rules.
func newExplaining(t testing.TB, o access.Options) *bench {
	t.Helper()
	var ho httpapi.Options
	var hd httpapi.Deps
	b := newGuarded(t, o, func(bo *httpapi.Options, bd *httpapi.Deps) { ho, hd = *bo, *bd })
	hd.Rehearsal = rehearsal.New(rehearsal.Deps{Guard: b.guard, Log: b.log, Models: b.catalog, Names: policy.StoredNames{DB: b.db}, Now: o.Now})
	var err error
	b.server, err = httpapi.New(hd, ho)
	require.NoError(t, err)
	return b
}

// ruled puts a policy in place of all rules, written as a file has it. Its users are named, and groups and keys stand in it by
// their ids: what turns names into ids is not this helper's to prove.
func (b *bench) ruled(text string) {
	b.t.Helper()
	f, err := rule.ParseFile([]byte("version: 1\nrules:\n" + text))
	require.NoError(b.t, err)
	for i, r := range f.Rules {
		f.Rules[i], err = r.Resolve(func(p rule.Principal) (rule.Principal, error) {
			if p.Kind == rule.KindUser {
				p.Ref = b.idOf(p.Ref)
			}
			return p, nil
		})
		require.NoError(b.t, err)
	}
	pass, err := b.guard.Enter(b.t.Context(), access.System("tester"), access.Op{Action: access.ACLManage})
	require.NoError(b.t, err)
	_, err = b.guard.PutRules(b.t.Context(), pass, 0, func([]rule.Rule) ([]rule.Rule, error) { return f.Rules, nil })
	require.NoError(b.t, err)
}

// imports takes guard-nano's bytes in under another id, without any rule, and loads them.
func (b *bench) imports(id string) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), id+".gguf")
	require.NoError(b.t, os.WriteFile(path, models.GuardNano, 0o600))
	_, err := b.catalog.Import(b.t.Context(), access.System("tester"), catalog.ImportRequest{Path: path, ID: id})
	require.NoError(b.t, err)
	_, err = b.catalog.Refresh(b.t.Context())
	require.NoError(b.t, err)
	require.NoError(b.t, b.models.Load(b.t.Context()))
}

// bearing answers the header of an API key.
func bearing(secret string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + secret}
}

// members are the ids and names that an operation's body can hold, by field.
func (s served) fields() map[string]bool {
	out := map[string]bool{}
	if s.op.RequestBody == nil {
		return out
	}
	if body := s.op.RequestBody.Value.Content.Get("application/json"); body != nil {
		for _, schema := range append(body.Schema.Value.OneOf, body.Schema) {
			for name := range schema.Value.Properties {
				out[name] = true
			}
		}
	}
	return out
}

// changes says that the method may change something.
func (s served) changes() bool { return s.method != http.MethodGet }
