package doctor_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/doctor"
)

// heldLocks answers the locks that this process has on a file, by the kernel's list.
func heldLocks(t *testing.T, path string) (held []string) {
	t.Helper()
	list, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Skip("this kernel lists no locks")
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	st, ok := info.Sys().(*syscall.Stat_t)
	require.True(t, ok)
	for line := range strings.Lines(string(list)) {
		fields := strings.Fields(line)
		if len(fields) > 5 && fields[1] == "POSIX" && fields[4] == fmt.Sprint(os.Getpid()) && strings.HasSuffix(fields[5], fmt.Sprintf(":%d", st.Ino)) {
			held = append(held, strings.Join(fields[1:], " "))
		}
	}
	return held
}

// Whoever closes a file takes all locks of his process on it away: SQLite would go on without them.
func TestInsideTheServerTheDatabaseKeepsItsLocks(t *testing.T) {
	data := made(t)
	path := filepath.Join(data, "guardhouse.db")
	a := opened(t, data)
	defer func() { require.NoError(t, a.Close()) }()
	_, _, _, err := a.Audit.Head(t.Context())
	require.NoError(t, err)
	before := heldLocks(t, path)
	if len(before) == 0 {
		t.Skip("this kernel does not list SQLite's locks")
	}
	o := options(data)
	o.Running = true
	r := run(t, o)
	require.True(t, says(r, doctor.OK, "database", "sound"), "%+v", r)
	require.True(t, says(r, doctor.OK, "audit log", "whole"), "%+v", r)
	require.Equal(t, before, heldLocks(t, path))
	o.Running = false
	run(t, o)
	require.Less(t, len(heldLocks(t, path)), len(before), "else this test would see nothing")
}

func TestWithoutTimeEachCheckSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := doctor.Run(ctx, options(made(t)))
	require.True(t, r.OK, "that there was no time is no failure")
	require.Len(t, r.Checks, 14)
	for _, c := range r.Checks {
		require.Equal(t, "late", c.Code)
		require.Equal(t, doctor.Warn, c.Status)
	}
}

func TestLargeModelsAreNotHashedBesideAServer(t *testing.T) {
	o := options(made(t))
	o.HashMost = 1
	r := run(t, o)
	require.True(t, says(r, doctor.OK, "models", "1 model too large"), "%+v", r)
	require.False(t, says(r, doctor.OK, "models", "with the hash"))
}

// The console has words for every finding, in both languages.
func TestEveryFindingHasWords(t *testing.T) {
	code := regexp.MustCompile(`\.as\("([a-z_]+)"|", "(environment_[a-z]+)", "`)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var codes []string
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		for _, m := range code.FindAllStringSubmatch(string(text), -1) {
			if c := m[1] + m[2]; !slices.Contains(codes, c) {
				codes = append(codes, c)
			}
		}
	}
	require.Greater(t, len(codes), 70)
	for _, language := range []string{"en", "zh-CN"} {
		words, err := os.ReadFile(filepath.Join("..", "..", "web", "src", "i18n", language, "system.json"))
		require.NoError(t, err)
		for _, c := range codes {
			require.Contains(t, string(words), `"`+c+`":`, language)
		}
	}
}

// Who reads another language is told by the finding's name, and runs the line as it stands: a key of a changed database is no
// command.
func TestAStoredSettingThatIsNotInForceHasAName(t *testing.T) {
	o := options(made(t))
	o.Stored = func(map[string]string) map[string]error {
		return map[string]error{"mode; true": errors.New("is no setting of this release")}
	}
	for _, c := range run(t, o).Checks {
		if c.Code == "settings_stored" {
			require.Equal(t, map[string]any{"key": "mode; true", "error": "is no setting of this release"}, c.Params)
			require.Contains(t, c.Command, "settings reset 'mode; true' --data ")
			return
		}
	}
	require.Fail(t, "it says nothing")
}
