package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func configFile(t *testing.T, yaml string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "guardhouse.yaml")
	require.NoError(t, os.WriteFile(name, []byte(yaml), 0o600))
	return name
}

func TestPrintConfigStartsNothing(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	const planted = "correct-horse-battery-staple-0123456789"
	file := configFile(t, "auth: {jwt_secret: "+planted+", session_idle: 10m}\nlog: {file: "+filepath.Join(filepath.Dir(data), "x.log")+"}\n")
	yaml := guardhouse(t, "", "serve", "--print-config", "--data", data, "--config", file, "--listen", "127.0.0.1:0")
	require.Equal(t, exitGood, yaml.code, yaml.err)
	require.Empty(t, yaml.err)
	require.Contains(t, yaml.out, "listen: 127.0.0.1:0  # flag\n")
	require.Contains(t, yaml.out, "  session_idle: 10m  # file\n")
	require.NotContains(t, yaml.out, planted)
	entries, err := os.ReadDir(filepath.Dir(data))
	require.NoError(t, err)
	require.Empty(t, entries, "no folder, no log file")

	again := guardhouse(t, "", "serve", "--print-config", "--config", configFile(t, yaml.out))
	require.Equal(t, exitGood, again.code, again.err)
	require.Contains(t, again.out, "data: "+data)

	asJSON := guardhouse(t, "", "serve", "--print-config", "--json", "--data", data, "--config", file)
	require.Equal(t, exitGood, asJSON.code, asJSON.err)
	require.NotContains(t, asJSON.out, planted)
	var body struct {
		Settings []struct {
			Key, Value, Source, Env string
			Secret                  bool
		}
	}
	require.NoError(t, json.Unmarshal([]byte(asJSON.out), &body))
	secrets := 0
	for _, s := range body.Settings {
		if s.Key == "auth.jwt_secret" {
			require.True(t, s.Secret)
			require.Equal(t, "(hidden)", s.Value)
			require.Equal(t, "file", s.Source)
			require.Equal(t, "GUARDHOUSE_AUTH_JWT_SECRET", s.Env)
			secrets++
		}
	}
	require.Equal(t, 1, secrets)

	require.Equal(t, exitUsage, guardhouse(t, "", "serve", "--print-config", "--config", configFile(t, "lisen: x")).code)
	require.Equal(t, exitUsage, guardhouse(t, "", "serve", "--json", "--data", data).code)
	require.NoDirExists(t, data)
}

// keepEnvironment gives the other tests back what a server without a parent takes out of its own environment.
func keepEnvironment(t *testing.T) {
	t.Helper()
	for _, line := range os.Environ() {
		name, value, _ := strings.Cut(line, "=")
		t.Setenv(name, value)
	}
}

// serving is one serve in the background, until stop.
func serving(t *testing.T, args ...string) (stop func() (code int, errors string)) {
	t.Helper()
	keepEnvironment(t)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	said, out := io.Pipe()
	var errOut bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append([]string{"serve", "--no-supervisor"}, args...), strings.NewReader(""), out, &errOut)
		_ = out.Close() // a pipe's Close answers nil
	}()
	lines := bufio.NewScanner(said)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Guardhouse serves ") {
		continue
	}
	go func() { _, _ = io.Copy(io.Discard, said) }() // ends with the pipe
	return func() (int, string) {
		cancel()
		select {
		case c := <-code:
			return c, errOut.String()
		case <-time.After(time.Minute):
			require.Fail(t, "serve did not stop")
			return 0, ""
		}
	}
}

func TestServeWritesItsLogToTheFile(t *testing.T) {
	dir := t.TempDir()
	data, name := filepath.Join(dir, "data"), filepath.Join(dir, "guardhouse.log")
	file := configFile(t, "log: {file: "+name+", format: text}\nlisten: 127.0.0.1:0\n")
	stop := serving(t, "--data", data, "--config", file)
	logged := func(text string) func() bool {
		return func() bool {
			b, err := os.ReadFile(name)
			return err == nil && strings.Contains(string(b), text)
		}
	}
	require.Eventually(t, logged(`level=INFO msg=listening`), 10*time.Second, 5*time.Millisecond)
	second := guardhouse(t, "", "serve", "--no-supervisor", "--data", filepath.Join(dir, "other"), "--config", file)
	require.Equal(t, exitFailed, second.code)
	require.Contains(t, second.err, "another process writes")

	require.NoError(t, os.Rename(name, name+".moved"))
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	require.Eventually(t, func() bool { _, err := os.Stat(name); return err == nil }, 10*time.Second, 5*time.Millisecond)
	code, errors := stop()
	require.Equal(t, exitGood, code, errors)
	require.True(t, logged("msg=stopping")(), "what came after the move is in the new file")
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NotContains(t, errors, "level=", "nothing of it on standard error")
}
