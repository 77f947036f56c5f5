package httpapi_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/config"
	"guardhouse/internal/moderation"
	"guardhouse/internal/settings"
)

// stored are the real settings of a server whose environment fixes one, applied to the services of the bench.
func stored(t testing.TB, s *services) *settings.Service {
	t.Helper()
	c, err := config.Load(config.Sources{Environ: []string{"GUARDHOUSE_ENGINE_DEADLINE=2m"}, File: os.DevNull})
	require.NoError(t, err)
	var fields []settings.Field
	for _, f := range c.Fields() {
		field := settings.Field{
			Key: f.Key, Default: f.Default, Given: f.Value, Source: strings.Replace(f.Source, "environment", settings.Environment, 1),
			Type: f.Kind.Type, Min: f.Kind.Min, Max: f.Kind.Max, Choices: f.Kind.Choices, Confirm: strings.HasPrefix(f.Key, "retention."),
		}
		if f.Console.Editable() {
			field.Applies = string(f.Console)
		}
		fields = append(fields, field)
	}
	check := func(values map[string]string) map[string]error {
		_, bad := c.With(values)
		return bad
	}
	out, err := settings.New(t.Context(), s.db, s.guard, settings.Options{Check: check, Fields: fields})
	require.NoError(t, err)
	out.Apply(func(values map[string]string) {
		now, _ := c.With(values)
		s.judge.Tune(moderation.Tuning{Mode: now.Mode})
	})
	return out
}

func (b *bench) patchSettings(body string, header map[string]string) (int, map[string]any, string) {
	b.t.Helper()
	w := b.do(call{method: "PATCH", path: "/api/v1/settings", body: body, header: merge(map[string]string{"Authorization": "Bearer " + b.keys["alice"]}, header)})
	return w.Code, object(b.t, w.Body.Bytes()), w.Header().Get("ETag")
}

func TestSettingsOverHTTP(t *testing.T) {
	b := newBench(t)
	w := b.do(call{method: "GET", path: "/api/v1/settings", header: map[string]string{"Cookie": b.cookie}})
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, `"v1"`, w.Header().Get("ETag"))
	golden(t, "settings", w.Body.Bytes())

	code, body, tag := b.patchSettings(`{"moderation.mode":"loose","engine.queue":9,"moderation.cache_share_services":true}`, map[string]string{"If-Match": `"v1"`})
	require.Equal(t, http.StatusOK, code, body)
	require.Equal(t, `"v2"`, tag)
	w = b.do(call{method: "POST", path: "/api/v1/moderations", body: `{"input":"zzlie"}`, header: map[string]string{"Authorization": b.bearer}})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	v := object(t, w.Body.Bytes())
	policy, _ := v["policy"].(map[string]any)
	require.Equal(t, "loose", policy["mode"], "in force when the answer came")
	require.Equal(t, "allow", v["action"])

	code, body, _ = b.patchSettings(`{"engine.queue":null}`, map[string]string{"If-Match": `"v1"`})
	require.Equal(t, http.StatusPreconditionFailed, code)
	require.Equal(t, "precondition_failed", body["code"])
	code, _, tag = b.patchSettings(`{"engine.queue":null}`, map[string]string{"If-Match": `*`})
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, `"v3"`, tag)
}

func TestSettingsThatAreRefused(t *testing.T) {
	b := newBench(t)
	for name, tc := range map[string]struct {
		body   string
		status int
		field  any
	}{
		"unknown key":              {`{"engine.warp":1}`, 400, "engine.warp"},
		"a program, threat D2":     {`{"tls.key":"/etc/shadow"}`, 400, "tls.key"},
		"never set here":           {`{"acl.default":"allow"}`, 400, "acl.default"},
		"a value that it is not":   {`{"engine.queue":100001}`, 400, "engine.queue"},
		"half a number":            {`{"engine.queue":1.5}`, 400, "engine.queue"},
		"a huge number":            {`{"engine.queue":1e300}`, 400, "engine.queue"},
		"a list":                   {`{"engine.queue":[1]}`, 400, "engine.queue"},
		"an object":                {`{"engine":{"queue":1}}`, 400, "engine"},
		"a word in its case":       {`{"moderation.mode":"Loose"}`, 400, "moderation.mode"},
		"twice":                    {`{"engine.queue":1,"engine.queue":2}`, 400, nil},
		"nothing":                  {`{}`, 400, nil},
		"a list of all":            {`[]`, 400, nil},
		"fixed by the environment": {`{"engine.deadline":"1m"}`, 409, "engine.deadline"},
		"one good and one bad":     {`{"moderation.mode":"loose","engine.queue":0}`, 400, "engine.queue"},
	} {
		t.Run(name, func(t *testing.T) {
			code, body, _ := b.patchSettings(tc.body, nil)
			require.Equal(t, tc.status, code, body)
			if tc.field != nil {
				require.Equal(t, tc.field, body["field"], body)
			}
			require.NotEmpty(t, body["detail"])
		})
	}
	w := b.do(call{method: "GET", path: "/api/v1/settings", header: map[string]string{"Cookie": b.cookie}})
	require.Equal(t, `"v1"`, w.Header().Get("ETag"), "none of it was stored")
}

func TestWhoChangesHisOwnProfile(t *testing.T) {
	b := newBench(t)
	patch := func(header map[string]string, body string) (int, map[string]any) {
		w := b.do(call{method: "PATCH", path: "/api/v1/auth/me", body: body, header: header})
		return w.Code, object(t, w.Body.Bytes())
	}
	rita := map[string]string{"Authorization": b.bearer}
	code, body := patch(rita, `{"display_name":"Rita 张","language":"zh-CN"}`)
	require.Equal(t, http.StatusOK, code, body)
	require.Equal(t, "Rita 张", body["display_name"])
	require.Equal(t, "zh-CN", body["language"])
	code, body = patch(rita, `{"language":"en"}`)
	require.Equal(t, http.StatusOK, code, "her session goes on")
	require.Equal(t, "Rita 张", body["display_name"], "what is absent stays")
	for _, bad := range []string{`{}`, `{"role":"admin"}`, `{"language":"de"}`, `{"display_name":"a\nb"}`, `{"password":"x"}`} {
		code, _ = patch(rita, bad)
		require.Equal(t, http.StatusBadRequest, code, bad)
	}
	code, _ = patch(map[string]string{"Authorization": "Bearer " + b.keys["alice"]}, `{"display_name":"Mallory"}`)
	require.Equal(t, http.StatusForbidden, code, "a key is not the person")
}

func TestKeysOfOneUser(t *testing.T) {
	b := newBench(t)
	list := func(as, query string) (int, map[string]any) {
		w := b.do(call{method: "GET", path: "/api/v1/keys" + query, as: as})
		return w.Code, object(t, w.Body.Bytes())
	}
	_, all := list("alice", "")
	items, _ := all["items"].([]any)
	require.Greater(t, len(items), 3, "alice manages everybody's")
	owner, _ := items[0].(map[string]any)
	id, _ := owner["user_id"].(string)
	code, one := list("alice", "?user_id="+id)
	require.Equal(t, http.StatusOK, code)
	for _, item := range one["items"].([]any) {
		require.Equal(t, id, item.(map[string]any)["user_id"])
	}
	code, none := list("alice", "?user_id=usr_nobody")
	require.Equal(t, http.StatusOK, code)
	require.Empty(t, none["items"])
	code, _ = list("rita", "?user_id=usr_nobody")
	require.Equal(t, http.StatusForbidden, code)
}
