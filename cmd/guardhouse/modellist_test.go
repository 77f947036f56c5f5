package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/app"
	"guardhouse/internal/catalog"
)

// The list says what a model that is not in use is waiting for, and why.
func TestTheListSaysHowModelsAre(t *testing.T) {
	models := []catalog.Model{
		{ID: "bad", Kind: "guard", SHA256: "aa"},
		{ID: "next", Kind: "guard", SHA256: "bb", Default: true},
		{ID: "now", Kind: "guard", SHA256: "cc"},
		{ID: "off", Kind: "chat", SHA256: "dd"},
		{ID: "new", Kind: "chat", SHA256: "ee"},
	}
	states := map[string]app.ModelState{
		"bad":  {ID: "bad", State: catalog.StateFailed, Code: "file_changed", Reason: "its SHA-256 \x1bdiffers"},
		"next": {ID: "next", State: catalog.StateLoading, Stage: "reading", Progress: 0.429},
		"now":  {ID: "now", State: catalog.StateReady, Default: true},
		"off":  {ID: "off", State: catalog.StateUnloaded, Code: "idle"},
	}
	var out strings.Builder
	require.NoError(t, writeModels(&out, models, states, true))
	lines := strings.Split(out.String(), "\n")
	for i, want := range []string{"STATE", "false failed, file_changed aa", "false loading, reading 42 % bb", "true ready cc", "false unloaded, idle dd", "false - ee"} {
		require.Contains(t, strings.Join(strings.Fields(lines[i]), " "), want)
	}
	require.Equal(t, []string{"bad: its SHA-256 ?differs", "next is to be the default once it has proved itself.", ""}, lines[6:])

	out.Reset()
	require.NoError(t, writeModels(&out, models[:1], nil, false))
	require.Contains(t, out.String(), "No server runs on this folder")
}

func TestTheListWithoutAServer(t *testing.T) {
	r := guardhouse(t, "", "model", "list", "--json", "--data", folder(t))
	require.Equal(t, exitGood, r.code, r.err)
	var list struct {
		Served bool
		Items  []struct {
			ID    string
			State *string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &list))
	require.False(t, list.Served)
	require.Len(t, list.Items, 1)
	require.Nil(t, list.Items[0].State, "nobody told")
}
