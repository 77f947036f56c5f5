package trial

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/sandbox"
)

// threat M3: without what must hold a child nothing is tried, and the line says what is missing.
func TestWhatTheEndOfAChildMeans(t *testing.T) {
	none := sandbox.Guards{}
	for name, c := range map[string]struct {
		result sandbox.Result
		code   fault.Code
		words  string
	}{
		"no seccomp":   {sandbox.Result{Exit: 65, Guards: sandbox.Guards{NoNewPrivs: true}}, fault.NotAvailable, "lacks seccomp"},
		"no privs":     {sandbox.Result{Exit: 65, Guards: none}, fault.NotAvailable, "lacks no_new_privs"},
		"an abort":     {sandbox.Result{Exit: -1, Signal: syscall.SIGABRT}, fault.Invalid, "crashed"},
		"no memory":    {sandbox.Result{Exit: -1, Signal: syscall.SIGKILL, Heavy: true}, fault.Invalid, "more memory"},
		"a hang":       {sandbox.Result{Exit: -1, Signal: syscall.SIGKILL, Late: true}, fault.Invalid, "too long"},
		"a flood":      {sandbox.Result{Exit: -1, Signal: syscall.SIGKILL, Flood: true}, fault.Invalid, "too much"},
		"no answer":    {sandbox.Result{Stdout: []byte("{")}, fault.Invalid, "no answer"},
		"a lie":        {sandbox.Result{Stdout: []byte(`{"outcome":"excellent"}`)}, fault.Invalid, "no answer"},
		"a long story": {sandbox.Result{Stdout: []byte(`{"outcome":"refused","words":"\u001b[31m /etc"}`)}, fault.Invalid, "cannot load it"},
	} {
		err := judge(c.result)
		require.Equal(t, c.code, fault.CodeOf(err), name)
		require.Contains(t, fault.From(err).Message, c.words, name)
		require.NotContains(t, err.Error(), "\x1b", name)
	}
	require.NoError(t, judge(sandbox.Result{Stdout: []byte(`{"outcome":"good"}`)}))
}
