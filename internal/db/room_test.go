package db_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"guardhouse/internal/apptest"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// childRoom opens the database on a disk of its own that is full: once as it lies, once where there is none yet.
func childRoom(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", filepath.Dir(path), "tmpfs", 0, "size=4m"); err != nil {
		return err
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return err
	}
	fill, err := os.Create(filepath.Join(filepath.Dir(path), "fill"))
	if err != nil {
		return err
	}
	for block := make([]byte, 4096); err == nil; {
		_, err = fill.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		return err
	}
	if err := fill.Close(); err != nil {
		return err
	}
	for _, p := range []string{path, filepath.Join(filepath.Dir(path), "new.db")} {
		_, err = db.Open(context.Background(), db.Options{Path: p})
		fmt.Println(fault.CodeOf(err), fault.From(err).Message)
	}
	return nil
}

// A full disk is what somebody can mend, and is named where the database is opened.
func TestAFullDiskIsNamedAtTheOpening(t *testing.T) {
	path := apptest.DBPath(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "GUARDHOUSE_DB_CHILD=room", "GUARDHOUSE_DB_PATH="+path)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.Output()
	if errors.Is(err, fs.ErrPermission) {
		t.Skip("no user namespaces here: a full disk was not tried")
	}
	require.NoError(t, err)
	const want = "audit_unavailable The disk of the data folder is full: make room on it, then try again."
	require.Equal(t, []string{want, want}, strings.Split(strings.TrimSpace(string(out)), "\n"))
}
