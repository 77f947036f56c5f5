package moderation_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/moderation"
	"guardhouse/models"
)

// imported takes guard-nano's bytes in under another id, as another process would.
func (r *rig) imported(t testing.TB, id string, allow ...string) catalog.Model {
	t.Helper()
	path := filepath.Join(t.TempDir(), id+".gguf")
	require.NoError(t, os.WriteFile(path, models.GuardNano, 0o600))
	other := catalog.New(r.db, r.guard, catalog.Options{ModelsDir: filepath.Join(r.dir, "models"), RunDir: filepath.Join(r.dir, "run"), Try: apptest.Tried})
	m, err := other.Import(t.Context(), access.System("tester"), catalog.ImportRequest{Path: path, ID: id, Allow: allow})
	require.NoError(t, err)
	require.NoError(t, r.guard.Reload(t.Context()))
	return m
}

func (r *rig) state(t testing.TB, id string) string {
	t.Helper()
	m, err := r.cat.Resolve(context.Background(), id)
	require.NoError(t, err)
	return m.State
}

func TestReadyOnlyAfterACanary(t *testing.T) {
	r := newRig(t, notLoaded())
	require.Equal(t, fault.Loading, fault.CodeOf(r.svc.Ready()))
	_, err := r.svc.Evaluate(t.Context(), rita(), ask(text("hello")))
	require.Equal(t, fault.Loading, fault.CodeOf(err))
	require.Len(t, r.rows(t), 1)

	r.engine.Fail(errors.New("no"))
	require.Error(t, r.models.Load(t.Context()), "the canary cannot be judged")
	require.Equal(t, fault.Loading, fault.CodeOf(r.svc.Ready()))
	require.Equal(t, catalog.StateFailed, r.state(t, "guard-nano"))

	r.engine.Fail(nil)
	require.NoError(t, r.models.Load(t.Context()))
	require.NoError(t, r.svc.Ready())
	require.Equal(t, catalog.StateReady, r.state(t, "guard-nano"))
	require.Len(t, r.asked.all(), 1, "one canary")
	require.NoError(t, r.models.Load(t.Context()), "a second load does nothing")
	require.Len(t, r.asked.all(), 1)
}

func TestAnEngineThatCannotLoad(t *testing.T) {
	r := newRig(t, notLoaded())
	r.engine.FailLoad(fault.New(fault.NotAvailable, "this build has no engine"))
	err := r.models.Load(t.Context())
	require.Equal(t, fault.NotAvailable, fault.CodeOf(err))
	m, err := r.cat.Resolve(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, "this build has no engine", m.StateReason)
}

func TestARunningServerLoadsWhatAnotherProcessImported(t *testing.T) {
	r := newRig(t)
	r.imported(t, "second", "role:reviewer")
	q := moderation.Request{Model: "second", Inputs: []moderation.Input{text("a bomb")}}
	_, err := r.svc.Evaluate(t.Context(), rita(), q)
	require.Equal(t, fault.NotFound, fault.CodeOf(err), "not seen yet")
	require.NoError(t, r.models.Refresh(t.Context()))
	vs, err := r.svc.Evaluate(t.Context(), rita(), q)
	require.NoError(t, err)
	require.Equal(t, "second", vs[0].Model.ID)
	require.Equal(t, "block", vs[0].Action)
	require.Equal(t, catalog.StateReady, r.state(t, "second"))
	require.NoError(t, r.models.Refresh(t.Context()), "nothing changed: nothing to do")
}

// swapping is an engine before which an attacker overwrites the file in place while it is loaded.
type swapping struct {
	inference.Engine
	path string
	t    *testing.T
}

func (s swapping) Load(ctx context.Context, spec inference.Spec) (inference.Model, error) {
	m, err := s.Engine.Load(ctx, spec)
	if spec.ModelID == "target" {
		overwrite(s.t, s.path)
	}
	return m, err
}

func overwrite(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.Chmod(path, 0o600))
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("swapped"), 7_000_000)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, os.Chmod(path, 0o400))
}

// threat M4
func TestAFileOverwrittenDuringTheLoadIsRefused(t *testing.T) {
	first := newRig(t, notLoaded())
	m := first.imported(t, "target", "role:reviewer")
	svc, models := first.service(swapping{first.engine, m.Path, t}, moderation.Options{})
	require.NoError(t, models.Load(t.Context()), "the default guard is whole")
	require.Equal(t, catalog.StateFailed, first.state(t, "target"))
	_, err := svc.Evaluate(t.Context(), rita(), moderation.Request{Model: "target", Inputs: []moderation.Input{text("hello")}})
	require.Equal(t, fault.Loading, fault.CodeOf(err))
	require.NoError(t, svc.Ready())
}

// threat M4
func TestReadinessIsOffWhenTheDefaultGuardsFileChanges(t *testing.T) {
	r := newRig(t, notLoaded())
	m := r.imported(t, "production", "role:reviewer")
	_, err := r.db.ReadSQL().ExecContext(t.Context(), "UPDATE models SET is_default = 0")
	require.Error(t, err, "the read pool cannot write")
	r.makeDefault(t, "production")
	require.NoError(t, r.models.Load(t.Context()))
	require.NoError(t, r.svc.Ready())
	v := r.judge(t, text("hello"))
	require.Equal(t, "production", v.Model.ID)
	overwrite(t, m.Path)
	require.Equal(t, fault.Loading, fault.CodeOf(r.svc.Ready()))
	require.Equal(t, catalog.StateFailed, r.state(t, "production"))
	_, err = r.svc.Evaluate(t.Context(), rita(), ask(text("hello")))
	require.Equal(t, fault.Loading, fault.CodeOf(err), "it judges nobody any more")
}

// threat M4
func TestAnImportedModelWhoseFileChangesIsWithdrawn(t *testing.T) {
	r := newRig(t)
	m := r.imported(t, "second", "role:reviewer")
	require.NoError(t, r.models.Refresh(t.Context()))
	q := moderation.Request{Model: "second", Inputs: []moderation.Input{text("hello")}}
	_, err := r.svc.Evaluate(t.Context(), rita(), q)
	require.NoError(t, err)
	overwrite(t, m.Path)
	require.NoError(t, r.models.Refresh(t.Context()))
	_, err = r.svc.Evaluate(t.Context(), rita(), q)
	require.Equal(t, fault.Loading, fault.CodeOf(err))
	require.Contains(t, fault.From(err).Message, "could not be loaded", "not: wait a moment")
	require.Equal(t, catalog.StateFailed, r.state(t, "second"))
	require.NoError(t, r.svc.Ready(), "the default guard is untouched")
}

// threat M4
func TestAWithdrawnModelIsFreedAndComesBackWithItsBytes(t *testing.T) {
	r := newRig(t)
	m := r.imported(t, "second", "role:reviewer")
	require.NoError(t, r.models.Refresh(t.Context()))
	q := moderation.Request{Model: "second", Inputs: []moderation.Input{text("hello")}}
	judges := func() error { _, err := r.svc.Evaluate(t.Context(), rita(), q); return err }
	require.NoError(t, judges())
	require.Equal(t, 2, r.engine.Held())

	release := r.engine.Hold()
	defer release()
	running := make(chan error, 1)
	go func() { running <- judges() }()
	until(t, "the engine to be asked", func() bool { return r.engine.Running() == 1 })
	overwrite(t, m.Path)
	require.NoError(t, r.models.Refresh(t.Context()))
	require.Equal(t, catalog.StateFailed, r.state(t, "second"))
	require.Equal(t, 2, r.engine.Held(), "not freed under somebody who judges with it")
	release()
	require.NoError(t, <-running)
	require.NoError(t, r.models.Refresh(t.Context()))
	require.Equal(t, 1, r.engine.Held(), "freed")
	require.Equal(t, fault.Loading, fault.CodeOf(judges()))

	require.NoError(t, os.Remove(m.Path))
	require.NoError(t, r.models.Refresh(t.Context()))
	require.Equal(t, catalog.StateFailed, r.state(t, "second"))
	require.NoError(t, os.WriteFile(m.Path, models.GuardNano, 0o400))
	require.NoError(t, r.models.Refresh(t.Context()))
	require.NoError(t, judges(), "its bytes are back")
	require.Equal(t, catalog.StateReady, r.state(t, "second"))
	require.Equal(t, 2, r.engine.Held())
	require.NoError(t, r.svc.Ready())

	overwrite(t, m.Path)
	require.NoError(t, r.models.Refresh(t.Context()))
	require.Equal(t, fault.Loading, fault.CodeOf(judges()), "and watched as before")
}

func TestAVerdictNamesTheBytesThatMadeIt(t *testing.T) {
	r := newRig(t)
	require.NoError(t, r.db.Write(func(tx *db.Tx) error { // as an upgraded binary would beside this server
		_, err := tx.Exec("UPDATE models SET sha256 = ? WHERE id = 'guard-nano'", strings.Repeat("ab", 32))
		return err
	}))
	require.Error(t, r.models.Refresh(t.Context()), "the new bytes are not these")
	_, err := r.svc.Evaluate(t.Context(), rita(), ask(text("hello")))
	require.Equal(t, fault.Loading, fault.CodeOf(err))
	require.Equal(t, fault.Loading, fault.CodeOf(r.svc.Ready()))
	require.Zero(t, r.stored(t))
}
