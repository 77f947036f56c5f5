package httpapi_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/proof"
)

// threat U1: what the routes hand out proves itself, and the key is changed by a person who typed his password again.
func TestCheckpointsAndKeys(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.checkpoints.Write(t.Context(), proof.CauseManual))
	read := func(path string, into any) {
		t.Helper()
		w := b.do(call{method: "GET", path: path, as: "otto"})
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), into))
	}
	type key struct {
		ID, Verifier, Note string
		Previous, Until    *string
		Lost               bool
	}
	var keys struct{ Items []key }
	read("/api/v1/audit/keys", &keys)
	require.Len(t, keys.Items, 1)
	trusted, err := proof.ParseKeys([]byte(keys.Items[0].Verifier))
	require.NoError(t, err)
	session := merge(fromOwnPage(), map[string]string{"Cookie": b.cookie})
	rotate := call{method: "POST", path: "/api/v1/audit/keys/rotate", header: session}
	w := b.do(rotate)
	require.Equal(t, http.StatusForbidden, w.Code, w.Body)
	require.Contains(t, w.Body.String(), "confirmation_required")
	b.confirm()
	rotate.header = merge(fromOwnPage(), map[string]string{"Cookie": b.cookie})
	w = b.do(rotate)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	var fresh key
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &fresh))
	require.Equal(t, keys.Items[0].ID, *fresh.Previous)
	require.False(t, fresh.Lost)
	_, err = trusted.Learn([]byte(fresh.Note))
	require.NoError(t, err)
	var page struct {
		Items []struct {
			Number, Seq int64
			Cause, Note string
		}
		NextCursor *string `json:"next_cursor"`
		Anchor     struct {
			Outside, Foreign bool
			Number           int64
			Problem          string
		}
	}
	read("/api/v1/audit/checkpoints?limit=2", &page)
	require.Len(t, page.Items, 2)
	require.NotNil(t, page.NextCursor)
	for _, c := range page.Items {
		got, _, err := proof.ParseCheckpoint([]byte(c.Note), trusted)
		require.NoError(t, err)
		require.Equal(t, []any{c.Number, c.Seq, c.Cause}, []any{got.Number, got.Seq, got.Cause})
	}
	require.Equal(t, page.Items[0].Number, page.Anchor.Number)
	require.Empty(t, page.Anchor.Problem)
	require.False(t, page.Anchor.Outside)
	w = b.do(call{method: "GET", path: "/api/v1/audit/checkpoints?cursor=1%20OR%201", as: "otto"})
	require.Equal(t, http.StatusBadRequest, w.Code, w.Body)
}
