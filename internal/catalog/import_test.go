package catalog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/models"
)

// goldens is where reference files lie that are not ours to commit.
const goldens = "../../../shared/goldens/qwen"

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// without answers guard-nano with one metadata key renamed, so that nothing else of the file moves.
func without(t testing.TB, key string) []byte {
	t.Helper()
	renamed := key[:len(key)-1] + "_"
	require.Equal(t, 1, bytes.Count(models.GuardNano, []byte(key)), key)
	return bytes.Replace(models.GuardNano, []byte(key), []byte(renamed), 1)
}

// stored lists the files of models in the folder of imports, temporary ones included.
func (h house) stored(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(h.dir, "models"))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		if e.Name() != ".import.lock" {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestImportTakesAGuardIn(t *testing.T) {
	h := newHouse(t)
	path := write(t, "My Guard (v2).GGUF", models.GuardNano)
	m, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: path})
	require.NoError(t, err)
	require.Equal(t, "my-guard--v2-", m.ID)
	require.Equal(t, "guard", m.Kind)
	require.Equal(t, "imported", m.Origin)
	require.Equal(t, embedded(t).Quantization(), m.Quantization)
	require.False(t, m.Default)
	require.WithinDuration(t, time.Now(), m.CreatedAt, time.Minute)

	info, err := os.Stat(m.Path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o400), info.Mode())
	require.Equal(t, []string{m.SHA256 + ".gguf"}, h.stored(t))
	stored, err := os.ReadFile(m.Path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(models.GuardNano, stored))

	rows := h.rows(t)
	require.Len(t, rows, 1)
	require.Equal(t, "model.manage", rows[0].Action)
	require.Equal(t, "allow", rows[0].Decision)
	require.Equal(t, "model:"+m.ID, rows[0].Resource)
	require.Equal(t, m.SHA256, rows[0].ModelSHA256)
	require.NotContains(t, rows[0].Details, "items", "an import judges no text")

	// It stays closed until a rule is made: reviewers cannot even know of it (threat Z6).
	require.NoError(t, h.guard.Reload(t.Context()))
	list, err := h.cat.List(t.Context(), user("reviewer"))
	require.NoError(t, err)
	require.Equal(t, []string{"guard-nano"}, ids(list))
	_, err = h.cat.Get(t.Context(), user("reviewer"), m.ID)
	_, unknown := h.cat.Get(t.Context(), user("reviewer"), "never-was")
	require.Equal(t, unknown, err)
	list, err = h.cat.List(t.Context(), user("admin"))
	require.NoError(t, err)
	require.Equal(t, []string{"guard-nano", m.ID}, ids(list))
	require.NoError(t, h.open(t, m.ID).Confirm(t.Context()))
}

func TestImportMakesTheOpeningRule(t *testing.T) {
	h := newHouse(t)
	path := write(t, "g.gguf", models.GuardNano)
	_, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: path, ID: "open-guard", Allow: []string{"role:reviewer"}})
	require.NoError(t, err)
	require.NoError(t, h.guard.Reload(t.Context()))
	list, err := h.cat.List(t.Context(), user("reviewer"))
	require.NoError(t, err)
	require.Equal(t, []string{"guard-nano", "open-guard"}, ids(list))
	list, err = h.cat.List(t.Context(), user("nurse"))
	require.NoError(t, err)
	require.Equal(t, []string{"guard-nano"}, ids(list))
	pass, err := h.guard.Enter(t.Context(), user("reviewer"), access.Op{Action: access.ModerationRun, Operation: access.Infer, Model: "open-guard"})
	require.NoError(t, err)
	pass.Close(&err)
}

func TestImportOfUnknownPrincipalsKeepsNothing(t *testing.T) {
	h := newHouse(t)
	path := write(t, "g.gguf", models.GuardNano)
	_, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: path, Allow: []string{"role:nobody-has-this"}})
	require.Equal(t, fault.Unprocessable, fault.CodeOf(err))
	h.nothingHappened(t)
}

// nothingHappened checks that a refused import left its one audit row and nothing else.
func (h house) nothingHappened(t testing.TB) {
	t.Helper()
	require.Empty(t, h.stored(t))
	all, err := h.cat.All(context.Background())
	require.NoError(t, err)
	require.Equal(t, []string{"guard-nano"}, ids(all))
	rows := h.rows(t)
	require.Len(t, rows, 1)
	require.NotEqual(t, "allow", rows[0].Decision)
}

func TestImportRefuses(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	fifo := filepath.Join(t.TempDir(), "fifo.gguf")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	good := write(t, "good.gguf", models.GuardNano)
	cases := map[string]catalog.ImportRequest{
		"no file named":       {},
		"missing":             {Path: good + ".nope"},
		"a folder":            {Path: t.TempDir()},
		"a FIFO":              {Path: fifo},
		"a device":            {Path: "/dev/zero"},
		"empty":               {Path: write(t, "empty.gguf", nil)},
		"no GGUF":             {Path: write(t, "text.gguf", []byte("<html>not found</html>"))},
		"cut off":             {Path: write(t, "cut.gguf", models.GuardNano[:len(models.GuardNano)-64])},
		"no template":         {Path: write(t, "t.gguf", without(t, "tokenizer.chat_template"))},
		"no vocabulary":       {Path: write(t, "v.gguf", without(t, "tokenizer.ggml.tokens"))},
		"no context length":   {Path: write(t, "c.gguf", without(t, "qwen3.context_length"))},
		"kind chat":           {Path: good, Kind: "chat"},
		"kind vision":         {Path: good, Kind: "vision"},
		"unknown kind":        {Path: good, Kind: "poet"},
		"mmproj":              {Path: good, MMProj: good},
		"template":            {Path: good, Template: good},
		"upper-case id":       {Path: good, ID: "Guard"},
		"id with a path":      {Path: good, ID: "../guard"},
		"id with a dot first": {Path: good, ID: ".guard"},
		"long id":             {Path: good, ID: strings.Repeat("a", 65)},
		"alias":               {Path: good, ID: "omni-moderation-latest"},
		"the embedded id":     {Path: good, ID: "guard-nano"},
	}
	for name, r := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			start := time.Now()
			_, err := h.cat.Import(t.Context(), system(), r)
			require.Error(t, err)
			require.Contains(t, []fault.Code{fault.Invalid, fault.Conflict}, fault.CodeOf(err), "%v", err)
			require.Less(t, time.Since(start), 5*time.Second)
			message := fault.From(err).Message
			require.NotContains(t, message, "/", "no path in a message: threat T5")
			require.NotContains(t, message, "\n")
			h.nothingHappened(t)
		})
	}
}

func TestOnlyThoseWhoManageModelsImport(t *testing.T) {
	for _, p := range []access.Principal{user("reviewer"), user("guest"), access.Anonymous(access.Origin{})} {
		h := newHouse(t)
		_, err := h.cat.Import(t.Context(), p, catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano)})
		require.Equal(t, fault.Forbidden, fault.CodeOf(err))
		h.nothingHappened(t)
	}
}

// threats M1, M2, M5
func TestImportRefusesEveryMalformedFile(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(goldens, "malformed-gguf", "expected.json"))
	if os.IsNotExist(err) {
		t.Skip("the reference files are not on this machine: malformed GGUF files were not imported")
	}
	require.NoError(t, err)
	var cases []struct{ File string }
	require.NoError(t, json.Unmarshal(data, &cases))
	require.NotEmpty(t, cases)
	h := newHouse(t)
	for _, c := range cases {
		// valid-base.gguf is sound but no guard: it has no template, so it is refused like the rest.
		_, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: filepath.Join(goldens, "malformed-gguf", c.File)})
		require.Equal(t, fault.Invalid, fault.CodeOf(err), c.File)
	}
	require.Empty(t, h.stored(t))
	require.Len(t, h.rows(t), len(cases))
}

func TestOneImportAtATimeAndAWholeSweep(t *testing.T) {
	h := newHouse(t)
	folder := filepath.Join(h.dir, "models")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	lock, err := os.OpenFile(filepath.Join(folder, ".import.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	require.NoError(t, err)
	require.NoError(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	left := filepath.Join(folder, ".import-123.part")
	require.NoError(t, os.WriteFile(left, []byte("half a model"), 0o600))
	r := catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano)}
	_, err = h.cat.Import(t.Context(), system(), r)
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	require.FileExists(t, left, "another import may still write it")
	require.NoError(t, lock.Close())
	_, err = h.cat.Import(t.Context(), system(), r)
	require.NoError(t, err)
	require.NoFileExists(t, left)
}

// A folder's name is no pattern.
func TestTheSweepTakesTheFoldersNameAsItIs(t *testing.T) {
	h := newHouse(t)
	h.dir = filepath.Join(h.dir, "data[1]*")
	h.cat = catalog.New(h.db, h.guard, h.options())
	other := filepath.Join(filepath.Dir(h.dir), "data1", "models")
	folder := filepath.Join(h.dir, "models")
	for _, dir := range []string{other, folder} {
		require.NoError(t, os.MkdirAll(dir, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, ".import-123.part"), []byte("half a model"), 0o600))
	}
	_, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano)})
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(folder, ".import-123.part"))
	require.FileExists(t, filepath.Join(other, ".import-123.part"))
}

func TestACanceledImportKeepsNothing(t *testing.T) {
	h := newHouse(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.cat.Import(ctx, system(), catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano)})
	require.Equal(t, fault.Canceled, fault.CodeOf(err))
	h.nothingHappened(t)
	require.Equal(t, "canceled", h.rows(t)[0].Reason)
}

// threat M4
func TestAFileThatChangesDuringTheCopyIsRefused(t *testing.T) {
	for name, got := range map[string]string{"shorter": "1234", "longer": "123456789"} {
		_, err := catalog.CopyHashed(t.Context(), io.Discard, strings.NewReader(got), 8)
		require.Equal(t, fault.Unprocessable, fault.CodeOf(err), name)
	}
	sum, err := catalog.CopyHashed(t.Context(), io.Discard, strings.NewReader("12345678"), 8)
	require.NoError(t, err)
	require.Equal(t, "ef797c8118f02dfb649607dd5d3f8c7623048c9c063d532cc95c5ed7a898a64f", sum)
}

// threat M4
func TestAStoredFileThatIsNotTheOneImportedIsRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	swap := map[string]func(t *testing.T, path string){
		"other bytes": func(t *testing.T, path string) {
			require.NoError(t, os.Chmod(path, 0o600))
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.WriteAt([]byte{1, 2, 3}, 5_000_000)
			require.NoError(t, err)
			require.NoError(t, f.Close())
			require.NoError(t, os.Chmod(path, 0o400))
		},
		"gone":     func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
		"writable": func(t *testing.T, path string) { require.NoError(t, os.Chmod(path, 0o600)) },
		"a link to the same bytes": func(t *testing.T, path string) {
			require.NoError(t, os.Rename(path, path+".away"))
			require.NoError(t, os.Symlink(path+".away", path))
		},
		"a FIFO": func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, unix.Mkfifo(path, 0o400))
		},
		"longer": func(t *testing.T, path string) {
			require.NoError(t, os.Chmod(path, 0o600))
			require.NoError(t, os.Truncate(path, int64(len(models.GuardNano))+1))
			require.NoError(t, os.Chmod(path, 0o400))
		},
	}
	for name, do := range swap {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			m, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano)})
			require.NoError(t, err)
			do(t, m.Path)
			_, err = h.cat.Open(t.Context(), m)
			require.Equal(t, fault.Unprocessable, fault.CodeOf(err))
		})
	}
}

// threat M4
func TestConfirmSeesAChangeInPlace(t *testing.T) {
	h := newHouse(t)
	m, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano)})
	require.NoError(t, err)
	f := h.open(t, m.ID)
	require.NoError(t, f.Confirm(t.Context()))

	// A backup that only touches the file changes nothing.
	require.NoError(t, os.Chtimes(m.Path, time.Unix(1, 0), time.Unix(2, 0)))
	require.NoError(t, os.Link(m.Path, m.Path+".backup"))
	require.NoError(t, f.Confirm(t.Context()))

	info, err := os.Stat(m.Path)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(m.Path, 0o600))
	w, err := os.OpenFile(m.Path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = w.WriteAt([]byte("swapped"), 6_000_000)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, os.Chtimes(m.Path, info.ModTime(), info.ModTime()), "the attacker puts the times back")
	require.Equal(t, fault.Unprocessable, fault.CodeOf(f.Confirm(t.Context())))
	require.Equal(t, fault.Unprocessable, fault.CodeOf(f.Confirm(t.Context())), "and it stays refused")
}

func TestAnotherProcessSeesAnImport(t *testing.T) {
	h := newHouse(t)
	server := catalog.New(h.db, h.guard, h.options())
	changed, err := server.Refresh(t.Context())
	require.NoError(t, err)
	require.True(t, changed)
	_, err = h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: write(t, "late.gguf", models.GuardNano)})
	require.NoError(t, err)
	_, err = server.Resolve(t.Context(), "late")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	changed, err = server.Refresh(t.Context())
	require.NoError(t, err)
	require.True(t, changed)
	_, err = server.Resolve(t.Context(), "late")
	require.NoError(t, err)
	changed, err = server.Refresh(t.Context())
	require.NoError(t, err)
	require.False(t, changed)
}

func TestIDsFromFileNames(t *testing.T) {
	for file, want := range map[string]string{
		"/models/Qwen3Guard-Gen-4B-Q8_0.gguf": "qwen3guard-gen-4b-q8_0",
		"__x.gguf":                            "x",
		"模型.gguf":                             "",
		"..gguf":                              "",
		strings.Repeat("n", 90) + ".gguf":     strings.Repeat("n", 64),
	} {
		id, err := catalog.IDFor("", file)
		if want == "" {
			require.Equal(t, fault.Invalid, fault.CodeOf(err), file)
			continue
		}
		require.NoError(t, err, file)
		require.Equal(t, want, id)
		require.True(t, catalog.ValidID(id))
	}
}
