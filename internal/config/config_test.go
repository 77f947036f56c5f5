package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func load(t *testing.T, yaml string, env []string, flags map[string]string) (*Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "guardhouse.yaml")
	require.NoError(t, os.WriteFile(file, []byte(yaml), 0o600))
	if env == nil {
		env = []string{}
	}
	return Load(Sources{Flags: flags, Environ: env, File: file})
}

func TestLayers(t *testing.T) {
	c, err := load(t, "listen: 127.0.0.1:1\nauth:\n  session_idle: 10m\nhttp:\n  trusted_hosts: [a.example, b.example]\n",
		[]string{"GUARDHOUSE_LISTEN=127.0.0.1:2", "GUARDHOUSE_MODERATION_MODE=loose", "PATH=/x"},
		map[string]string{"listen": "127.0.0.1:3"})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:3", c.Listen)
	require.Equal(t, 10*time.Minute, c.SessionIdle)
	require.Equal(t, "loose", c.Mode)
	require.Equal(t, []string{"a.example", "b.example"}, c.TrustedHosts)
	require.EqualValues(t, 1<<20, c.MaxBody)
	require.Equal(t, filepath.Join("guardhouse-data", "models"), c.ModelsDir)
}

func TestRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		yaml  string
		env   []string
		flags map[string]string
		says  string
	}{
		"unknown key":         {yaml: "lisen: x", says: "lisen is no setting"},
		"unknown variable":    {env: []string{"GUARDHOUSE_LISEN=x"}, says: "GUARDHOUSE_LISEN is no setting"},
		"key twice":           {yaml: "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2", says: "listen"},
		"not built, file":     {yaml: "tls: {client_ca: ca.pem}", says: "tls.client_ca (from file) is not available"},
		"not built, env":      {env: []string{"GUARDHOUSE_TLS_CLIENT_CA=/x"}, says: "not available"},
		"encrypted content":   {yaml: "moderation: {keep_content: encrypted}", says: "wants one of none, hash"},
		"token too long":      {yaml: "auth: {access_token_ttl: 25h}", says: "wants a time"},
		"idle past max":       {yaml: "auth: {session_idle: 13h}", says: "longer than"},
		"cert without key":    {yaml: "tls: {cert: a.pem}", says: "go together"},
		"plain off loopback":  {yaml: "listen: 0.0.0.0:80\nhttp: {allow_plain_loopback: true}", says: "not a loopback"},
		"body out of range":   {yaml: "http: {max_body: 9999999999MiB}", says: "http.max_body"},
		"list of maps":        {yaml: "http: {trusted_hosts: [{a: b}]}", says: "plain values"},
		"anchor":              {yaml: "a: &a {b: 1}\nlog: *a", says: "anchors"},
		"scalar document":     {yaml: "hello", says: "keys and values"},
		"no such limit":       {yaml: "limits: {x: 1}", says: "limits.x is no setting"},
		"a rate without span": {yaml: "limits: {person: 6}", says: "limits.person"},
		"an unknown span":     {yaml: "limits: {key: 6/week}", says: "limits.key"},
		"a negative quota":    {yaml: "limits: {person_day_tokens: -1}", says: "limits.person_day_tokens"},
		"too large a quota":   {yaml: "limits: {key_month_images: 1000000000001}", says: "limits.key_month_images"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, tc.yaml, tc.env, tc.flags)
			require.Error(t, err)
			require.Contains(t, err.Error(), tc.says)
		})
	}
	_, err := Load(Sources{Environ: []string{}, File: filepath.Join(t.TempDir(), "absent.yaml")})
	require.Error(t, err, "a named file that is absent is an error")
}

func TestSecretNeverPrints(t *testing.T) {
	const planted = "correct-horse-battery-staple-0123456789"
	c, err := load(t, "auth: {jwt_secret: "+planted+"}", nil, nil)
	require.NoError(t, err)
	require.Equal(t, planted, c.JWTSecret.Reveal())
	body, err := json.Marshal(c)
	require.NoError(t, err)
	for _, s := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), c.JWTSecret.String(), string(body)} {
		require.NotContains(t, s, planted)
	}
}

func FuzzParseYAML(f *testing.F) {
	f.Add("listen: 127.0.0.1:1\nhttp: {trusted_hosts: [a]}")
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, s string) {
		values, err := parseYAML("x", []byte(s))
		for key := range values {
			if err == nil && !strings.Contains("data listen", key) && !strings.Contains(key, ".") {
				t.Fatalf("unknown key %q passed", key)
			}
		}
	})
}
