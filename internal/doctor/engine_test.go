package doctor_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"guardhouse/internal/db"
	"guardhouse/internal/doctor"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/fake"
)

// noted is a folder where a server wrote down how it laid its model out.
func noted(t *testing.T, value string) string {
	t.Helper()
	data := made(t)
	a := opened(t, data)
	require.NoError(t, a.DB.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("INSERT INTO meta (key, value) VALUES ('engine_chosen', ?)", value)
		return err
	}))
	require.NoError(t, a.Close())
	return data
}

func note(t *testing.T, memory int64) string {
	t.Helper()
	d := inference.Description{Lanes: 2, Threads: 2, Slots: 4, SlotTokens: 384, Memory: inference.Memory{Cache: memory}}
	text, err := json.Marshal([]inference.Chosen{{Model: "guard-nano", At: time.Unix(1700000000, 0), Memory: memory, Lines: d.Lines()}})
	require.NoError(t, err)
	return string(text)
}

func engineCheck(t *testing.T, r doctor.Report) doctor.Check {
	t.Helper()
	for _, c := range r.Checks {
		if c.Name == "engine" {
			return c
		}
	}
	require.Fail(t, "the engine was not looked at")
	return doctor.Check{}
}

func TestDoctorShowsWhatTheServerChose(t *testing.T) {
	c := engineCheck(t, run(t, options(made(t))))
	require.Equal(t, doctor.OK, c.Status)
	require.Contains(t, c.Detail, "nothing was chosen yet")

	c = engineCheck(t, run(t, options(noted(t, note(t, 5<<20)))))
	require.Equal(t, doctor.OK, c.Status)
	require.Contains(t, c.Detail, "guard-nano as the server chose at 2023-11-14 22:13:20Z")
	require.Len(t, c.Notes, 3)
	require.Contains(t, c.Notes[0], "lanes 2, threads 2, slots 4 of 384 tokens")
	require.Contains(t, c.Notes[2], "cache 5.0")

	c = engineCheck(t, run(t, options(noted(t, note(t, 1<<60)))))
	require.Equal(t, doctor.Warn, c.Status, "no machine has that much")
	require.Contains(t, c.Do, "engine.slots")

	c = engineCheck(t, run(t, options(noted(t, "{"))))
	require.Equal(t, doctor.Warn, c.Status)
}

func TestDoctorTriesTheEngine(t *testing.T) {
	data := noted(t, note(t, 5<<20))
	before := footprint(t, data)
	o, e := options(data), fake.New(fake.Options{})
	o.Engine, o.Spec = e, inference.Spec{SlotTokens: 4096, Slots: 3}
	c := engineCheck(t, run(t, o))
	require.Equal(t, doctor.OK, c.Status)
	require.Contains(t, c.Detail, "guard-nano as tried now")
	require.Contains(t, c.Notes[0], "slots 3 of")
	require.Zero(t, e.Held(), "the model was let go")
	require.Equal(t, before, footprint(t, data))

	e.FailLoad(errors.New("no memory"))
	c = engineCheck(t, doctor.Run(t.Context(), o))
	require.Equal(t, doctor.Fail, c.Status)
	require.Contains(t, c.Detail, "guard-nano cannot be loaded")
}

// Beside a running server nothing is tried: it would slow the server down, and measure what is left over.
func TestDoctorLeavesARunningServerAlone(t *testing.T) {
	data := noted(t, note(t, 5<<20))
	f, err := os.OpenFile(filepath.Join(data, "serve.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, unix.Flock(int(f.Fd()), unix.LOCK_EX))
	o, e := options(data), fake.New(fake.Options{})
	o.Engine = e
	e.FailLoad(errors.New("asked"))
	r := doctor.Run(t.Context(), o)
	require.True(t, says(r, doctor.Warn, "engine", "a server runs on this folder"))
	require.True(t, says(r, doctor.OK, "engine", "as the server chose"))
}
