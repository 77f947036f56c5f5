package db_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"guardhouse/internal/apptest"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// putBig needs pages of its own.
func putBig(key string) func(*db.Tx) error {
	return func(tx *db.Tx) error {
		_, err := tx.Exec("INSERT INTO meta (key, value) VALUES (?, ?)", key, strings.Repeat("x", 64<<10))
		return err
	}
}

func maxPages(t *testing.T, d *db.DB, n int) {
	t.Helper()
	require.NoError(t, d.Write(func(tx *db.Tx) error {
		return tx.QueryRow(fmt.Sprintf("PRAGMA max_page_count = %d", n)).Scan(new(int))
	}))
}

func TestAFullDatabaseRefusesAllAndRecovers(t *testing.T) {
	d := apptest.OpenDB(t)
	maxPages(t, d, 1) // SQLite makes it the present size
	fns := make([]func(*db.Tx) error, 32)
	for i := range fns {
		fns[i] = putBig(fmt.Sprint(i))
	}
	for _, err := range together(t, d, fns) {
		require.Equal(t, fault.AuditUnavailable, fault.CodeOf(err), "%v", err)
		require.Contains(t, fault.From(err).Message, "the disk is full")
	}
	require.Empty(t, keys(t, d))
	maxPages(t, d, 1<<30)
	for _, err := range together(t, d, fns) {
		require.NoError(t, err)
	}
	require.Len(t, keys(t, d), 32)
}

// childFull fills the file system, as far as it can tell: writes beyond a size fail when the WAL is written, which is at
// COMMIT.
func childFull(path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	d, err := db.Open(context.Background(), db.Options{Path: path})
	if err != nil {
		return err
	}
	report := func(step string) {
		var wg sync.WaitGroup
		codes := make([]fault.Code, 32)
		for i := range codes {
			wg.Go(func() { codes[i] = fault.CodeOf(d.Write(putBig(fmt.Sprint(step, i)))) })
		}
		wg.Wait()
		count := map[fault.Code]int{}
		for _, c := range codes {
			count[c]++
		}
		fmt.Println(step, count[""], count[fault.AuditUnavailable])
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	report("before")
	info, err := os.Stat(path + "-wal")
	if err != nil {
		return err
	}
	// Below the WAL's size nothing can be appended.
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(info.Size() / 2), Max: old.Max}); err != nil {
		return err
	}
	report("full")
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	report("after")
	return d.Close()
}

func TestACommitThatFailsRefusesAllAndRecovers(t *testing.T) {
	path := apptest.DBPath(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "GUARDHOUSE_DB_CHILD=full", "GUARDHOUSE_DB_PATH="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var lines []string
	for s := bufio.NewScanner(strings.NewReader(string(out))); s.Scan(); {
		lines = append(lines, s.Text())
	}
	require.Equal(t, []string{"before 32 0", "full 0 32", "after 32 0"}, lines)
	got := keys(t, apptest.OpenDBAt(t, path, time.Now))
	require.Len(t, got, 64)
	for _, k := range got {
		require.False(t, strings.HasPrefix(k, "full"), k)
	}
}
