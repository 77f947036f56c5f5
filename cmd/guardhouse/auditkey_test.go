package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/proof"
)

// threat U1
func TestAuditKeyAndCheckpoint(t *testing.T) {
	data := folder(t)
	r := guardhouse(t, "", "audit", "key", "--data", data)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "no key")
	good := func(args ...string) string {
		t.Helper()
		r := guardhouse(t, "", append(args, "--data", data)...)
		require.Equal(t, exitGood, r.code, r.err)
		return r.out
	}
	note, public := good("audit", "checkpoint"), good("audit", "key")
	keys, err := proof.ParseKeys([]byte(public))
	require.NoError(t, err)
	c, first, err := proof.ParseCheckpoint([]byte(note), keys)
	require.NoError(t, err)
	require.Equal(t, proof.CauseManual, c.Cause)
	require.Contains(t, good("audit", "key", "rotate"), "vouched for by "+first)
	var body struct {
		Items []struct{ ID, Note, Verifier string }
	}
	require.NoError(t, json.Unmarshal([]byte(good("audit", "key", "show", "--json")), &body))
	require.Len(t, body.Items, 2)
	learnt, err := keys.Learn([]byte(body.Items[1].Note))
	require.NoError(t, err)
	require.Equal(t, body.Items[1].ID, learnt.ID)
	_, err = os.Stat(filepath.Join(data, "anchor", "public-keys"))
	require.NoError(t, err)
}
