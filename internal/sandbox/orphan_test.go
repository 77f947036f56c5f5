package sandbox_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/sandbox"
)

// asParent makes this test binary a program that waits for a child.
const asParent = "GH_TEST_AS_PARENT"

// parent starts a child that hangs, and waits.
func parent() {
	fmt.Println("started")
	_, _ = sandbox.Child{Name: "hang"}.Run(context.Background())
}

// childrenOf answers the processes that a process has started.
func childrenOf(t *testing.T, pid int) (all []int) {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	require.NoError(t, err)
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // that thread has ended
		}
		for word := range strings.FieldsSeq(string(text)) {
			child, err := strconv.Atoi(word)
			require.NoError(t, err)
			all = append(all, child)
		}
	}
	return all
}

// A child whose parent is killed does not go on.
func TestNoChildOutlivesItsParent(t *testing.T) {
	if _, err := os.Stat("/proc/self/task/" + strconv.Itoa(os.Getpid()) + "/children"); err != nil {
		t.Skip("not run: this kernel does not list a process's children")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	p := exec.CommandContext(t.Context(), self)
	p.Env = append(os.Environ(), asParent+"=1")
	out, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	require.True(t, bufio.NewScanner(out).Scan())
	var children []int
	require.Eventually(t, func() bool { children = childrenOf(t, p.Process.Pid); return len(children) == 1 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, p.Process.Kill())
	require.Error(t, p.Wait())
	require.Eventually(t, func() bool {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", children[0]))
		return err != nil || strings.Contains(string(state), ") Z ")
	}, time.Minute, 10*time.Millisecond)
}
