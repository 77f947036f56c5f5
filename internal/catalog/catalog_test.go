package catalog_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
	"guardhouse/models"
)

// house is a synced catalogue over a fresh database with the shipped policy.
type house struct {
	db    *db.DB
	log   *audit.Log
	guard *access.Guard
	cat   *catalog.Service
	dir   string
}

func newHouse(t testing.TB) house {
	t.Helper()
	d := apptest.OpenDB(t)
	log := audit.New(d, []byte("content key of a test"))
	g, err := access.New(t.Context(), d, log, access.Options{})
	require.NoError(t, err)
	h := house{db: d, log: log, guard: g, dir: t.TempDir()}
	h.cat = catalog.New(d, g, h.options())
	require.NoError(t, h.cat.Sync(t.Context()))
	return h
}

func (h house) options() catalog.Options {
	return catalog.Options{
		ModelsDir: filepath.Join(h.dir, "models"), RunDir: filepath.Join(h.dir, "run"),
		Aliases: map[string]string{"house-guard": "guard-nano", "lost": "no-such-model"},
		Try:     apptest.Tried,
	}
}

func user(role string) access.Principal {
	return access.Principal{Kind: access.KindUser, UserID: "usr_" + role, Name: role, Role: role}
}

func system() access.Principal { return access.System("tester") }

// rows answers the audit log, newest first.
func (h house) rows(t testing.TB) []audit.Event {
	t.Helper()
	page, err := h.log.List(context.Background(), audit.Filter{Limit: 500})
	require.NoError(t, err)
	return page.Items
}

func ids(models []catalog.Model) []string {
	out := make([]string, len(models))
	for i, m := range models {
		out[i] = m.ID
	}
	return out
}

// embedded is what the embedded guard's file says of itself.
func embedded(t testing.TB) *gguf.File {
	t.Helper()
	f, err := gguf.Read(bytes.NewReader(models.GuardNano), int64(len(models.GuardNano)))
	require.NoError(t, err)
	return f
}

func TestSyncWritesTheEmbeddedGuardOnce(t *testing.T) {
	h := newHouse(t)
	all, err := h.cat.All(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	m := all[0]
	sum := sha256.Sum256(models.GuardNano)
	require.Equal(t, hex.EncodeToString(sum[:]), m.SHA256)
	require.Equal(t, "guard-nano", m.ID)
	require.Equal(t, catalog.KindGuard, m.Kind)
	require.Equal(t, catalog.OriginEmbedded, m.Origin)
	require.Equal(t, "qwen3", m.Architecture)
	require.Equal(t, embedded(t).Quantization(), m.Quantization)
	require.Equal(t, embedded(t).ContextLength(), m.ContextLength)
	require.EqualValues(t, len(models.GuardNano), m.SizeBytes)
	require.Len(t, m.TemplateSHA256, 64)
	require.True(t, m.Default)
	require.Equal(t, catalog.StateLoading, m.State)

	again := catalog.New(h.db, h.guard, h.options())
	require.NoError(t, again.Sync(t.Context()))
	second, err := again.All(t.Context())
	require.NoError(t, err)
	require.Equal(t, all, second)
}

func TestSyncPutsRightARowOfAnotherRelease(t *testing.T) {
	h := newHouse(t)
	require.NoError(t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE models SET sha256 = ?, quantization = 'F16'", hex.EncodeToString(make([]byte, 32)))
		return err
	}))
	require.NoError(t, h.cat.Sync(t.Context()))
	m, err := h.cat.Resolve(t.Context(), "guard-nano")
	require.NoError(t, err)
	require.Equal(t, embedded(t).Quantization(), m.Quantization)
	f, err := h.cat.Open(t.Context(), m)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestResolveKnowsIDsAliasesAndTheDefault(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{"", "guard-nano", "omni-moderation-latest", "omni-moderation-2024-09-26", "text-moderation-stable", "house-guard"} {
		m, err := h.cat.Resolve(t.Context(), name)
		require.NoError(t, err, name)
		require.Equal(t, "guard-nano", m.ID, name)
	}
	for _, name := range []string{"nope", "Guard-Nano", "omni-moderation", "gpt-4", "lost", "guard-nano ", "*", "omni-moderation-a/b"} {
		_, err := h.cat.Resolve(t.Context(), name)
		require.Equal(t, fault.NotFound, fault.CodeOf(err), name)
	}
}

func TestListFollowsTheRules(t *testing.T) {
	h := newHouse(t)
	for _, role := range []string{"admin", "reviewer", "nurse", "radiologist"} {
		list, err := h.cat.List(t.Context(), user(role))
		require.NoError(t, err, role)
		require.Equal(t, []string{"guard-nano"}, ids(list), role)
	}
	_, err := h.cat.List(t.Context(), user("guest"))
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	_, err = h.cat.List(t.Context(), access.Anonymous(access.Origin{}))
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	_, err = h.cat.Get(t.Context(), user("reviewer"), "nope")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	m, err := h.cat.Get(t.Context(), user("reviewer"), "guard-nano")
	require.NoError(t, err)
	require.Equal(t, "guard-nano", m.ID)
}

func TestStatesAreShown(t *testing.T) {
	h := newHouse(t)
	h.cat.SetState("guard-nano", catalog.StateFailed, "the reason")
	m, err := h.cat.Resolve(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, catalog.StateFailed, m.State)
	require.Equal(t, "the reason", m.StateReason)
	h.cat.SetState("guard-nano", catalog.StateReady, "")
	m, err = h.cat.Resolve(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, catalog.StateReady, m.State)
}

// threat M4
func TestTheEmbeddedModelIsASealedMemoryFile(t *testing.T) {
	h := newHouse(t)
	f := h.open(t, "guard-nano")
	require.True(t, f.Sealed(), "this kernel has memory files")
	_, err := f.WriteAt([]byte{0}, 100)
	require.ErrorIs(t, err, unix.EPERM)
	require.ErrorIs(t, f.Truncate(10), unix.EPERM)
	require.ErrorIs(t, f.Truncate(1<<30), unix.EPERM)
	_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE)
	require.ErrorIs(t, err, unix.EPERM, "the seals themselves are sealed")
	other, err := os.OpenFile("/proc/self/fd/"+strconv.Itoa(int(f.Fd())), os.O_RDWR, 0)
	if err == nil {
		_, err = other.WriteAt([]byte{0}, 100)
		require.NoError(t, other.Close())
	}
	require.Error(t, err, "another descriptor of it cannot write either")
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	require.NoError(t, err)
	require.True(t, bytes.Equal(models.GuardNano, data))
	require.NoError(t, f.Confirm(t.Context()))
}

func TestTheEmbeddedModelNeedsNoWritableFolder(t *testing.T) {
	h := newHouse(t)
	o := h.options()
	o.RunDir, o.ModelsDir = "/proc/no/such/folder", "/proc/no/such/folder"
	h.cat = catalog.New(h.db, h.guard, o)
	require.NoError(t, h.open(t, "guard-nano").Confirm(t.Context()))
}

// threat M4
func TestWithoutMemoryFilesAPrivateFileIsUsed(t *testing.T) {
	h := newHouse(t)
	catalog.WithoutMemoryFiles(h.cat)
	f := h.open(t, "guard-nano")
	require.False(t, f.Sealed())
	info, err := os.Stat(f.Name())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o400), info.Mode())
	require.Equal(t, filepath.Join(h.dir, "run"), filepath.Dir(f.Name()))

	// What somebody left in its place is not used.
	require.NoError(t, os.Chmod(f.Name(), 0o600))
	require.NoError(t, os.WriteFile(f.Name(), []byte("not a model"), 0o600))
	require.NoError(t, os.Chmod(f.Name(), 0o400))
	f2 := h.open(t, "guard-nano")
	require.NoError(t, f2.Confirm(t.Context()))
	data, err := os.ReadFile(f2.Name())
	require.NoError(t, err)
	require.True(t, bytes.Equal(models.GuardNano, data))
	entries, err := os.ReadDir(filepath.Join(h.dir, "run"))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file is left")
}

func (h house) open(t testing.TB, id string) *catalog.File {
	t.Helper()
	m, err := h.cat.Resolve(context.Background(), id)
	require.NoError(t, err)
	f, err := h.cat.Open(context.Background(), m)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}
