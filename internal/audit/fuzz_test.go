package audit_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
)

// FuzzEventJSON: whatever JSON is read as an event is written as JSON that reads as the same event, with the same hash.
func FuzzEventJSON(f *testing.F) {
	for _, e := range vectors() {
		b, err := json.Marshal(e)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add([]byte(`{"at":"2026-11-21T09:00:00.000Z","duration_ms":1.5,"details":{"a":[{"b":-0}]}}`))
	f.Add([]byte(`{"at":"2026-11-21T09:00:00.000Z","duration_ms":1e3,"details":{"a":1e3}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var e audit.Event
		if json.Unmarshal(data, &e) != nil {
			return
		}
		canonical := string(audit.Canonical(e))
		b, err := json.Marshal(e)
		if err != nil {
			return // details that the form cannot hold
		}
		var again audit.Event
		require.NoError(t, json.Unmarshal(b, &again))
		require.Equal(t, canonical, string(audit.Canonical(again)))
		require.True(t, json.Valid([]byte(canonical)))
	})
}
