package logfile_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/logfile"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("GUARDHOUSE_LOGFILE_CHILD"); path != "" {
		os.Exit(child(path))
	}
	os.Exit(m.Run())
}

// child writes numbered lines for ever and says how far it is.
func child(path string) int {
	w, err := logfile.Open(logfile.Options{Path: path, MaxBytes: 400, Keep: 1000})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for i := 0; ; i++ {
		if _, err := fmt.Fprintf(w, "line %d of a child that will be killed\n", i); err != nil {
			return 1
		}
		if _, err := fmt.Fprintln(os.Stdout, i); err != nil {
			return 1
		}
	}
}

func open(t *testing.T, o logfile.Options) *logfile.Writer {
	t.Helper()
	w, err := logfile.Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return w
}

func say(t *testing.T, w io.Writer, format string, args ...any) {
	t.Helper()
	_, err := fmt.Fprintf(w, format+"\n", args...)
	require.NoError(t, err)
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func TestRotationKeepsTheNewestAndEveryLineWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "guardhouse.log")
	w := open(t, logfile.Options{Path: path, MaxBytes: 100, Keep: 3})
	for i := range 60 {
		say(t, w, "line %02d ........", i) // 17 bytes: five to a file
	}
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Len(t, files, 4)
	var all strings.Builder
	for _, name := range []string{path + ".3", path + ".2", path + ".1", path} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
		require.LessOrEqual(t, info.Size(), int64(100), name)
		all.WriteString(read(t, name))
	}
	lines := strings.Split(strings.TrimSuffix(all.String(), "\n"), "\n")
	require.Len(t, lines, 20)
	for i, line := range lines {
		require.Equal(t, fmt.Sprintf("line %02d ........", 40+i), line)
	}
	require.Zero(t, w.Dropped())
}

func TestALineLongerThanTheFileIsWrittenWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	w := open(t, logfile.Options{Path: path, MaxBytes: 10})
	long := strings.Repeat("x", 50)
	say(t, w, "%s", long)
	say(t, w, "a")
	require.Equal(t, "a\n", read(t, path))
	require.Equal(t, long+"\n", read(t, path+".1"))
}

func TestManyWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	w := open(t, logfile.Options{Path: path, MaxBytes: 2000, Keep: 1000})
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 200 {
				if _, err := fmt.Fprintf(w, "%d-%d\n", g, i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, f := range files {
		for line := range strings.Lines(read(t, f)) {
			require.Regexp(t, `^\d-\d+\n$`, line)
			seen[line] = true
		}
	}
	require.Len(t, seen, 1600)
}

func TestReopenAfterTheFileWasMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	w := open(t, logfile.Options{Path: path})
	say(t, w, "before")
	require.NoError(t, w.Reopen(), "nothing moved: nothing happens")
	require.NoError(t, os.Rename(path, path+".moved"))
	say(t, w, "to the moved one")
	require.NoError(t, w.Reopen())
	say(t, w, "after")
	require.Equal(t, "after\n", read(t, path))
	require.Equal(t, "before\nto the moved one\n", read(t, path+".moved"))

	require.NoError(t, os.Rename(path, path+".again"))
	require.NoError(t, os.Mkdir(path, 0o700))
	require.Error(t, w.Reopen(), "what is in the way is refused")
	say(t, w, "still here")
	require.Equal(t, "after\nstill here\n", read(t, path+".again"))
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	shared := filepath.Join(dir, "shared.log")
	require.NoError(t, os.WriteFile(shared, nil, 0o600))
	require.NoError(t, os.Chmod(shared, 0o644))
	link := filepath.Join(dir, "link.log")
	require.NoError(t, os.Symlink(filepath.Join(dir, "elsewhere"), link))
	fifo := filepath.Join(dir, "fifo.log")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	for _, path := range []string{shared, link, fifo, dir, filepath.Join(dir, "absent", "x.log")} {
		_, err := logfile.Open(logfile.Options{Path: path})
		require.Error(t, err, path)
	}
	require.NoFileExists(t, filepath.Join(dir, "elsewhere"))

	path := filepath.Join(dir, "x.log")
	w := open(t, logfile.Options{Path: path})
	_, err := logfile.Open(logfile.Options{Path: path})
	require.ErrorContains(t, err, "another process writes")
	say(t, w, "mine")
	require.Equal(t, "mine\n", read(t, path))
}

func TestATornLineIsCutOff(t *testing.T) {
	for content, want := range map[string]string{
		"": "", "whole\n": "whole\n", "whole\ntorn": "whole\n", "torn": "",
		"whole\n" + strings.Repeat("y", 200<<10): "whole\n",
	} {
		path := filepath.Join(t.TempDir(), "x.log")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		w := open(t, logfile.Options{Path: path})
		say(t, w, "next")
		require.Equal(t, want+"next\n", read(t, path))
	}
}

// A full disk, or a limit on the size of files: lines are lost and counted, the caller never hears of it, and when there
// is room again the file goes on with whole lines.
func TestAFullDiskCostsLinesOnly(t *testing.T) {
	if os.Getenv("GUARDHOUSE_LOGFILE_LIMITED") == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAFullDiskCostsLinesOnly$", "-test.v")
		cmd.Env = append(os.Environ(), "GUARDHOUSE_LOGFILE_LIMITED=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return
	}
	path := filepath.Join(t.TempDir(), "x.log")
	var lost bytes.Buffer
	w := open(t, logfile.Options{Path: path, Fallback: &lost})
	say(t, w, "before")
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 20, Max: old.Max}))
	for range 3 {
		say(t, w, "a line that has no room any more")
	}
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old))
	say(t, w, "after")
	require.Equal(t, "before\nafter\n", read(t, path))
	require.EqualValues(t, 3, w.Dropped())
	require.Equal(t, 3, strings.Count(lost.String(), "\n"))
}

// Where the old file cannot be put aside the log goes on, bounded.
func TestAFolderThatTakesNoNamesCostsRotationOnly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.log")
	w := open(t, logfile.Options{Path: path, MaxBytes: 100, Keep: 1})
	require.NoError(t, os.MkdirAll(filepath.Join(path+".1", "in the way"), 0o700))
	for i := range 40 {
		say(t, w, "line %02d", i)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.LessOrEqual(t, info.Size(), int64(200))
	require.EqualValues(t, 40-int(info.Size())/8, w.Dropped())
	require.NoError(t, os.RemoveAll(path+".1"))
	say(t, w, "line 40")
	require.Equal(t, "line 40\n", read(t, path))
}

// Killed at any moment, also between the renames: no line is lost, none is torn but the very last.
func TestKilledAtAnyMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "GUARDHOUSE_LOGFILE_CHILD="+path)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	said := -1
	lines := bufio.NewScanner(out)
	for said < 2000 && lines.Scan() {
		said, err = strconv.Atoi(lines.Text())
		require.NoError(t, err)
	}
	require.NoError(t, cmd.Process.Kill())
	for lines.Scan() {
		if n, err := strconv.Atoi(lines.Text()); err == nil {
			said = n
		}
	}
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	w := open(t, logfile.Options{Path: path, MaxBytes: 400, Keep: 1000})
	require.Zero(t, w.Dropped())
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	seen := map[int]bool{}
	for _, f := range files {
		for line := range strings.Lines(read(t, f)) {
			var n int
			_, err := fmt.Sscanf(line, "line %d of a child that will be killed\n", &n)
			require.NoError(t, err, line)
			require.False(t, seen[n])
			seen[n] = true
		}
	}
	for i := range said + 1 {
		require.True(t, seen[i], "line %d of %d was acknowledged", i, said)
	}
}

// threat W3: what a hostile name may carry reaches neither the file nor a terminal as raw bytes, in either format.
func TestNothingUnprintableIsWritten(t *testing.T) {
	hostile := "a\r\nb\x1b[31m\x7f\u009b31m\u202egnp.exe\u200b\u2028\ufeff\U000e0041\xff\x00\tz"
	for name, handler := range map[string]func(io.Writer) slog.Handler{
		"json": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
		"text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log := slog.New(handler(logfile.Escape(&out)))
			log.Info("request", "user_agent", hostile, "err", errors.New(hostile), "group", slog.GroupValue(slog.String(hostile, hostile)))
			line := out.String()
			require.Equal(t, 1, strings.Count(line, "\n"))
			for _, r := range strings.TrimSuffix(line, "\n") {
				require.True(t, r >= ' ' && r <= '~', "%q holds %q", line, r)
			}
		})
	}
	var out bytes.Buffer
	n, err := logfile.Escape(&out).Write([]byte("中文 café\n"))
	require.NoError(t, err)
	require.Equal(t, len("中文 café\n"), n)
	require.Equal(t, "中文 café\n", out.String(), "letters stay")
}

func TestAfterCloseLinesAreCounted(t *testing.T) {
	w, err := logfile.Open(logfile.Options{Path: filepath.Join(t.TempDir(), "x.log")})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	say(t, w, "too late")
	require.EqualValues(t, 1, w.Dropped())
	require.Error(t, w.Reopen())
	require.True(t, filepath.IsAbs(w.Path()))
}

func BenchmarkWrite(b *testing.B) {
	w, err := logfile.Open(logfile.Options{Path: filepath.Join(b.TempDir(), "x.log")})
	if err != nil {
		b.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(logfile.Escape(w), nil))
	for b.Loop() {
		log.Info("request", "method", "POST", "route", "/api/v1/moderations", "status", 200, "ms", 8.25, "request_id", "req_01JD0000000000000000000000")
	}
	if w.Dropped() > 0 {
		b.Fatal("lines were dropped")
	}
}
