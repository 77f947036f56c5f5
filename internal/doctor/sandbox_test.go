package doctor_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/doctor"
	"guardhouse/internal/sandbox"
)

// threat M3: who imports models is told what holds the child.
func TestWhatHoldsTheChild(t *testing.T) {
	whole := sandbox.Guards{NoNewPrivs: true, Seccomp: true, Landlock: 7}
	for words, c := range map[string]struct {
		guards sandbox.Guards
		err    error
		status doctor.Status
	}{
		"Landlock 7":        {guards: whole, status: doctor.OK},
		"has no Landlock":   {guards: sandbox.Guards{NoNewPrivs: true, Seccomp: true}, status: doctor.Warn},
		"lacks seccomp":     {guards: sandbox.Guards{NoNewPrivs: true, Landlock: 7}, status: doctor.Warn},
		"cannot be started": {err: errors.New("no processes"), status: doctor.Warn},
	} {
		o := options(t.TempDir())
		o.Guards = func(context.Context) (sandbox.Guards, error) { return c.guards, c.err }
		require.True(t, says(run(t, o), c.status, "sandbox", words), words)
	}
	require.False(t, says(run(t, options(t.TempDir())), doctor.OK, "sandbox", ""), "nobody can be asked")
}
