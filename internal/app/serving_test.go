package app

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/config"
	"guardhouse/internal/db"
	"guardhouse/internal/policy"
	"guardhouse/internal/rule"
)

// told is what config.json of a pack says.
type told struct {
	Version, Commit, Of string
	Started             time.Time
	Settings            []struct{ Key, Value, Source string }
}

// packBeside makes a pack as a command does, whose own settings are others than the server's, and answers what it says is in force.
func packBeside(t *testing.T, data string) (said told, values map[string]string, members map[string]string) {
	t.Helper()
	c, err := config.Load(config.Sources{Flags: map[string]string{"data": data, "listen": "127.0.0.1:7777"}, Environ: []string{"GUARDHOUSE_RETENTION_AUDIT=3650"}})
	require.NoError(t, err)
	a, err := Open(t.Context(), c, Options{Engine: engine(t), Log: slog.New(slog.DiscardHandler), Build: Build{Version: "9.9.9", Commit: "commandscommit"}})
	require.NoError(t, err)
	defer func() { require.NoError(t, a.Close()) }()
	_, members = (&lived{App: a}).pack(t, time.Time{}, time.Time{})
	require.NoError(t, json.Unmarshal([]byte(members["config.json"]), &said))
	values = map[string]string{}
	for _, s := range said.Settings {
		values[s.Key] = s.Value + " " + s.Source
	}
	return said, values, members
}

// Versions of the rules that somebody took out of the database are said to be missing, and so is the text of one.
func TestAPackNamesRulesThatAreMissing(t *testing.T) {
	l := live(t)
	_, members := l.pack(t, time.Time{}, time.Time{})
	require.NotContains(t, members["policy.jsonl"], "missing")
	require.Contains(t, members["policy.jsonl"], `"rules":"changed"`)
	require.Contains(t, members["policy.jsonl"], `"rules":"same"`)
	textless := l.rules(t, "a")
	gone := l.rules(t, "b")
	l.rules(t, "c")
	for _, query := range []string{
		`DELETE FROM policy_changed_rules WHERE version IN (?1, ?2)`, `DELETE FROM policy_changes WHERE version IN (?1, ?2)`, `DELETE FROM policy_versions WHERE version IN (1, ?2) AND ?1`,
	} {
		require.NoError(t, l.DB.Write(func(tx *db.Tx) error {
			_, err := tx.Exec(query, textless, gone)
			return err
		}))
	}
	_, members = l.pack(t, time.Time{}, time.Time{})
	lines := strings.Split(members["policy.jsonl"], "\n")
	require.Contains(t, lines, fmt.Sprintf(`{"kind":"missing","first":%d,"last":%[1]d}`, gone))
	require.Contains(t, lines, `{"kind":"missing","first":1,"last":1}`)
	require.Equal(t, 2, strings.Count(members["policy.jsonl"], `"kind":"missing"`))
	require.Equal(t, 1, strings.Count(members["policy.jsonl"], `"rules":"missing"`))
}

// rules has other rules for a model, and answers the version of that.
func (l *lived) rules(t *testing.T, id string) int64 {
	t.Helper()
	c, err := l.Policy.PutModel(t.Context(), SystemPrincipal("test"), "guard-nano",
		[]rule.Rule{{ID: id, Allow: true, Principals: []rule.Principal{{Kind: rule.KindRole, Ref: "reviewer"}}, Operations: []rule.Operation{"infer"}}}, policy.Write{Note: id})
	require.NoError(t, err)
	return c.Version
}

// A pack that a command makes beside a server says what the server runs with, at every moment, and not what the command would.
func TestAPackBesideAServerIsOfTheServer(t *testing.T) {
	data := t.TempDir()
	_, values, _ := packBeside(t, data)
	require.Equal(t, "127.0.0.1:7777 flag", values["listen"], "nobody serves")

	c, err := config.Load(config.Sources{
		Flags:   map[string]string{"data": data, "listen": "127.0.0.1:0"},
		Environ: []string{"GUARDHOUSE_MODERATION_MODE=loose", "GUARDHOUSE_AUTH_JWT_SECRET=" + plantedSecret},
	})
	require.NoError(t, err)
	before := time.Now().Truncate(time.Millisecond)
	r := serveAs(t, c, Options{Engine: engine(t), Log: slog.New(slog.DiscardHandler), Build: Build{Version: "1.2.3", Commit: "serverscommit"}})
	file := filepath.Join(data, servingFile)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NotContains(t, string(text), plantedSecret)

	said, values, members := packBeside(t, data)
	require.Equal(t, []string{"server", "1.2.3", "serverscommit"}, []string{said.Of, said.Version, said.Commit})
	require.False(t, said.Started.Before(before))
	require.Equal(t, "127.0.0.1:0 flag", values["listen"])
	require.Equal(t, "loose environment", values["moderation.mode"])
	require.Equal(t, "(hidden) environment", values["auth.jwt_secret"])
	require.NotContains(t, values["retention.audit"], "3650")
	require.Contains(t, members["sbom.json"], "serverscommit")
	require.NotContains(t, members["sbom.json"], "commandscommit")

	require.NoError(t, opened(t, data).change(t, "engine.queue", "77"))
	require.Eventually(t, func() bool {
		_, values, _ = packBeside(t, data)
		return values["engine.queue"] == "77 console"
	}, deadline, 50*time.Millisecond, "what another process stores is in force at the server, and said")

	r.end(t)
	require.NoFileExists(t, file)
	require.NoError(t, os.WriteFile(file, text, 0o600)) // as a server that was killed leaves it
	said, values, _ = packBeside(t, data)
	require.Equal(t, []string{"command", "9.9.9"}, []string{said.Of, said.Version})
	require.Equal(t, "127.0.0.1:7777 flag", values["listen"])
	require.Equal(t, "3650 environment", values["retention.audit"])
}
