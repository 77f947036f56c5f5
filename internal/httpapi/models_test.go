package httpapi_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/models"
)

// machine are the members of a model that tell of the machine.
func machine() []string {
	return []string{"device", "layers", "kernels", "memory", "slots", "lanes", "threads", "slot_tokens", "layout"}
}

// TestHowAModelRunsIsForThoseWhoLookAfterIt: everybody who may see it knows the file and the state, and only they the machine.
func TestHowAModelRunsIsForThoseWhoLookAfterIt(t *testing.T) {
	b := newBench(t)
	look := func(as string) map[string]any {
		w := b.do(call{method: "GET", path: "/api/v1/models/guard-nano", as: as})
		require.Equal(t, http.StatusOK, w.Code)
		return object(t, w.Body.Bytes())
	}
	mine, theirs := look("alice"), look("nora")
	for _, member := range machine() {
		if member != "layout" { // the fake engine chooses nothing
			require.NotNil(t, mine[member], member)
		}
		require.Contains(t, theirs, member)
		require.Nil(t, theirs[member], member)
	}
	for _, m := range []map[string]any{mine, theirs} {
		require.Equal(t, "ready", m["state"])
		require.NotEmpty(t, m["loaded_at"])
		require.Nil(t, m["progress"])
		require.Equal(t, true, m["default"])
		require.Len(t, m["sha256"], 64)
	}
	var list struct{ Items []map[string]any }
	require.NoError(t, json.Unmarshal(b.do(call{method: "GET", path: "/api/v1/models", as: "nora"}).Body.Bytes(), &list))
	require.Equal(t, []map[string]any{theirs}, list.Items, "the list says the same")
}

// TestAModelThatLoadsSaysHowFar: its part and what it is doing, and nothing of how it runs.
func TestAModelThatLoadsSaysHowFar(t *testing.T) {
	b := newBench(t)
	b.catalog.SetState("guard-nano", catalog.StateLoading, "")
	b.catalog.SetProgress("guard-nano", catalog.StageReading, 0.625)
	m := object(t, b.do(call{method: "GET", path: "/api/v1/models/guard-nano", as: "alice"}).Body.Bytes())
	require.Equal(t, "loading", m["state"])
	require.Equal(t, "reading", m["stage"])
	require.InDelta(t, 0.625, m["progress"], 0)
	require.Nil(t, m["loaded_at"])
	require.Nil(t, m["memory"])
	b.catalog.SetFailed("guard-nano", catalog.FileChanged, "the reason")
	m = object(t, b.do(call{method: "GET", path: "/api/v1/models/guard-nano", as: "nora"}).Body.Bytes())
	require.Equal(t, "file_changed", m["state_code"])
	require.Equal(t, "the reason", m["state_reason"])
	require.Nil(t, m["stage"])
}

// TestAHiddenModelIsUnknown: word for word what a model that never was gets, for its details as for its line.
func TestAHiddenModelIsUnknown(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(t.TempDir(), "closed.gguf")
	require.NoError(t, os.WriteFile(path, models.GuardNano, 0o600))
	_, err := b.catalog.Import(t.Context(), access.System("tester"), catalog.ImportRequest{Path: path, ID: "closed"})
	require.NoError(t, err)
	_, err = b.catalog.Refresh(t.Context())
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/api/v1/models/closed", as: "alice"}).Code)
	hidden := b.do(call{method: "GET", path: "/api/v1/models/closed", as: "nora"})
	unknown := b.do(call{method: "GET", path: "/api/v1/models/nothing", as: "nora"})
	require.Equal(t, http.StatusNotFound, hidden.Code)
	require.Equal(t, string(neutral(unknown.Body.Bytes())), string(neutral(hidden.Body.Bytes())))
}

// TestWhatDoesNotFitTellsNobodyOfOtherModels: numbers of the machine are for those who look after it, names of models for those who
// see every one of them.
func TestWhatDoesNotFitTellsNobodyOfOtherModels(t *testing.T) {
	b := newBench(t)
	b.imports("closed")
	const reason = "The model needs 5.1 GB of memory. What would do: unload closed."
	b.catalog.SetFailed("guard-nano", catalog.NoMemory, reason)
	_, _, err := b.guard.PutRole(t.Context(), access.System("tester"), auditor, access.RoleChange{
		Actions: []access.Action{access.SessionOwn, access.ModelView, access.ModelManage},
	})
	require.NoError(t, err)
	for as, told := range map[string]string{"alice": reason, "otto": "The model does not fit into the memory for models.", "nora": ""} {
		w := b.do(call{method: "GET", path: "/api/v1/models/guard-nano", as: as})
		require.Equal(t, http.StatusOK, w.Code, as)
		m := object(t, w.Body.Bytes())
		require.Equal(t, "no_memory", m["state_code"], as)
		require.Equal(t, told, m["state_reason"], as)
		matchesDocument(t, "getModel", http.StatusOK, w.Header().Get("Content-Type"), w.Body.Bytes())
	}
}

// TestVerifyWithdrawsOnlyWhatIsKnownToBeAnother: what keeps a file from being opened again says nothing of the bytes that run.
func TestVerifyWithdrawsOnlyWhatIsKnownToBeAnother(t *testing.T) {
	b := newBench(t)
	b.imports("second")
	all, err := b.catalog.All(t.Context())
	require.NoError(t, err)
	path := all[slices.IndexFunc(all, func(m catalog.Model) bool { return m.ID == "second" })].Path
	verify := func() map[string]any {
		w := b.do(call{method: "POST", path: "/api/v1/models/second/verify", as: "alice"})
		require.Equal(t, http.StatusOK, w.Code)
		return object(t, w.Body.Bytes())
	}
	state := func() any {
		return object(t, b.do(call{method: "GET", path: "/api/v1/models/second", as: "alice"}).Body.Bytes())["state"]
	}
	require.NoError(t, os.Rename(path, path+".away"))
	require.NoError(t, os.Mkdir(path, 0o700))
	require.Equal(t, false, verify()["equal"])
	require.Equal(t, "ready", state())
	require.NoError(t, os.Remove(path))
	require.Equal(t, "file_missing", verify()["code"])
	require.Equal(t, "failed", state())
}
