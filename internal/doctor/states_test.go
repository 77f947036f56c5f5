package doctor_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/internal/doctor"
)

// Of each model that the server does not have ready the doctor says why and what to do; without a server nobody has any.
func TestModelsThatAreNotReadyAreNamed(t *testing.T) {
	data := made(t)
	o := options(data)
	o.Running = true
	states := []doctor.ModelState{
		{ID: "guard-nano", State: catalog.StateFailed, Code: catalog.CanaryDrift, Reason: "It answers otherwise.", Default: true},
		{ID: "large", State: catalog.StateFailed, Code: catalog.NoMemory, Reason: "12 GB are too much."},
		{ID: "slow", State: catalog.StateLoading},
		{ID: "away", State: catalog.StateUnloaded, Code: catalog.ByHand},
		{ID: "asleep", State: catalog.StateUnloaded, Code: catalog.Idle},
		{ID: "fine", State: catalog.StateReady},
	}
	var unread error
	o.States = func() ([]doctor.ModelState, error) { return states, unread }
	of := func(r doctor.Report) map[any]doctor.Check {
		out := map[any]doctor.Check{}
		for _, c := range r.Checks {
			if c.Name == "models" && c.Params["model"] != nil {
				out[c.Params["model"]] = c
			}
		}
		return out
	}
	r := run(t, o)
	found := of(r)
	require.False(t, r.OK, "without its default guard a server judges nothing")
	require.Len(t, found, 5)
	require.Equal(t, doctor.Check{
		Name: "models", Status: doctor.Fail, Code: "model_failed", Params: map[string]any{"model": "guard-nano", "reason": "canary_drift"},
		Detail: "guard-nano is not in use (canary_drift): It answers otherwise.",
		Do:     "it judges nobody: find out what changed (kernels, device, memory, the file); if the new answers are right, record them with guardhouse model canary --record guard-nano",
	}, found["guard-nano"])
	require.Equal(t, doctor.Warn, found["large"].Status)
	require.Contains(t, found["large"].Do, "models.memory")
	require.Equal(t, "guardhouse model load large --data "+data, found["large"].Command)
	require.Equal(t, "model_loading", found["slow"].Code)
	require.Contains(t, found["away"].Detail, "guardhouse model load away")
	require.Contains(t, found["asleep"].Detail, "comes back when somebody does")

	states = []doctor.ModelState{{ID: "a\x1b[31m", State: catalog.StateFailed, Code: catalog.Broken, Reason: "b\nc"}}
	require.Equal(t, "a?[31m is not in use (internal): b?c", of(run(t, o))["a?[31m"].Detail)
	unread = errors.New("no right")
	require.True(t, says(run(t, o), doctor.Warn, "models", "cannot be read: no right"))
	o.Running, unread = false, nil
	require.Empty(t, of(run(t, o)), "what a server left")
}

// A file that was looked at and is wrong is named once, with what is wrong of it.
func TestAFileThatIsWrongIsNamedOnce(t *testing.T) {
	data := made(t)
	raw(t, data, `INSERT INTO models (id, kind, origin, file, size_bytes, sha256, architecture, quantization, context_length, template_sha256, is_default, created_at)
		SELECT 'other', kind, 'imported', 'other.gguf', size_bytes, sha256, architecture, quantization, context_length, template_sha256, 0, created_at FROM models LIMIT 1`)
	o := options(data)
	o.Running = true
	code := catalog.FileMissing
	o.States = func() ([]doctor.ModelState, error) {
		return []doctor.ModelState{{ID: "other", State: catalog.StateFailed, Code: code, Reason: "It is gone."}}, nil
	}
	codes := func() (out []string) {
		for _, c := range run(t, o).Checks {
			if c.Params["model"] == "other" {
				out = append(out, c.Code)
			}
		}
		return out
	}
	require.Equal(t, []string{"model_wrong"}, codes())
	code = catalog.CanaryDrift
	require.Equal(t, []string{"model_wrong", "model_failed"}, codes())
}
