package wire_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi/wire"
)

func TestTimeKeepsItsSpelling(t *testing.T) {
	for in, want := range map[string]string{
		"2026-11-21T09:00:00Z":               `"2026-11-21T09:00:00.000Z"`,
		"2026-11-21T17:00:00.12345678+08:00": `"2026-11-21T09:00:00.123Z"`,
	} {
		var at wire.Time
		require.NoError(t, json.Unmarshal([]byte(`"`+in+`"`), &at))
		got, err := json.Marshal(at)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	for _, bad := range []string{`1`, `null`, `"yesterday"`, `"2026-11-21"`, `""`, `"0001-01-01T00:00:00Z"`} {
		var at wire.Time
		require.Error(t, json.Unmarshal([]byte(bad), &at), bad)
	}
	require.Nil(t, wire.Maybe(nil))
	require.Nil(t, wire.Maybe(&time.Time{}))
}
