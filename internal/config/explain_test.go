package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func explained(t *testing.T, yaml string, env []string, flags map[string]string) ([]Setting, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "guardhouse.yaml")
	require.NoError(t, os.WriteFile(file, []byte(yaml), 0o600))
	settings, err := Explain(Sources{Flags: flags, Environ: append([]string{}, env...), File: file})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, WriteYAML(&out, settings))
	return settings, out.String()
}

func TestExplainNamesTheSource(t *testing.T) {
	settings, yaml := explained(t, "auth: {session_idle: 10m}\nhttp: {trusted_hosts: [a.example, b.example]}\n",
		[]string{"GUARDHOUSE_MODERATION_MODE=loose"}, map[string]string{"listen": "127.0.0.1:3"})
	found := map[string]Setting{}
	for _, s := range settings {
		found[s.Key] = s
	}
	for key, want := range map[string][2]string{
		"listen": {"127.0.0.1:3", "flag"}, "moderation.mode": {"loose", "environment"}, "auth.session_idle": {"10m", "file"},
		"log.format": {"json", "default"}, "models.dir": {"guardhouse-data/models", "default"}, "metrics.listen": {"", "default"},
	} {
		require.Equal(t, want, [2]string{found[key].Value, found[key].Source}, key)
	}
	require.NotContains(t, found, "tls.client_ca", "what is not built has no value")
	require.Contains(t, yaml, "listen: 127.0.0.1:3  # flag\n")
	require.Contains(t, yaml, "  session_idle: 10m  # file\n")
}

// What is printed can be used as the file, and means the same.
func TestExplainedYAMLIsAFile(t *testing.T) {
	for name, yaml := range map[string]string{
		"defaults": "", "lists": "http: {trusted_hosts: [a.example, b.example], trusted_proxies: [10.0.0.0/8, 192.168.1.4]}",
		"odd values": "data: \"/srv/a b/#x: \\u202ey \\u4e2d\\u6587\"\nmodels: {aliases: \"a=b,c=d\"}\nmetrics: {listen: 127.0.0.1:9464}\nlog: {file: 'null', level: debug}",
	} {
		t.Run(name, func(t *testing.T) {
			_, printed := explained(t, yaml, nil, nil)
			for _, r := range printed {
				require.True(t, r == '\n' || (r >= ' ' && r <= '~'), "%q holds %q", printed, r)
			}
			want, err := load(t, yaml, nil, nil)
			require.NoError(t, err)
			got, err := load(t, printed, nil, nil)
			require.NoError(t, err, printed)
			want.given, got.given = nil, nil // functions equal nothing
			require.Equal(t, want, got)
		})
	}
}

func TestExplainHidesSecrets(t *testing.T) {
	const planted = "correct-horse-battery-staple-0123456789"
	settings, yaml := explained(t, "auth: {jwt_secret: "+planted+"}", nil, nil)
	var out bytes.Buffer
	require.NoError(t, WriteJSON(&out, settings))
	for _, s := range []string{yaml, out.String()} {
		require.NotContains(t, s, planted)
		require.Contains(t, s, "(hidden)")
	}
	require.True(t, json.Valid(out.Bytes()))
	_, err := load(t, yaml, nil, nil)
	require.NoError(t, err, "a hidden secret does not become a weak one")
}

func TestExplainRefusesWhatLoadRefuses(t *testing.T) {
	for _, env := range []string{"GUARDHOUSE_LISEN=x", "GUARDHOUSE_LISTEN=nowhere", "GUARDHOUSE_TLS_CLIENT_CA=/x", "GUARDHOUSE_AUTH_SESSION_IDLE=13h"} {
		_, err := Explain(Sources{Environ: []string{env}})
		require.Error(t, err, env)
	}
}

// threat D1: what asks nobody to sign in is for this machine alone.
func TestListenersWithoutSignInAreLoopback(t *testing.T) {
	for _, key := range []string{"GUARDHOUSE_METRICS_LISTEN", "GUARDHOUSE_DEBUG_LISTEN"} {
		for _, value := range []string{"0.0.0.0:9464", ":9464", "[::]:9464", "10.0.0.1:9464", "guard.example:9464", "9464", "127.0.0.1:x", "0:9464", "127.1:9464"} {
			_, err := load(t, "", []string{key + "=" + value}, nil)
			require.Error(t, err, "%s=%s", key, value)
		}
		for _, value := range []string{"127.0.0.1:9464", "[::1]:9464", "127.8.9.1:0", ""} {
			_, err := load(t, "", []string{key + "=" + value}, nil)
			require.NoError(t, err, "%s=%s", key, value)
		}
	}
	c, err := load(t, "", nil, nil)
	require.NoError(t, err)
	require.Empty(t, strings.TrimSpace(c.DebugListen+c.MetricsListen), "both are off by default")
}
