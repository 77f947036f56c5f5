package httpapi_test

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/db"
)

// object answers a JSON object.
func object(t testing.TB, body []byte) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.Unmarshal(body, &out), string(body))
	return out
}

// field answers a member that is a string.
func field(t testing.TB, body []byte, name string) string {
	t.Helper()
	s, ok := object(t, body)[name].(string)
	require.True(t, ok, "%s in %s", name, body)
	return s
}

func withoutRequestID(t testing.TB, body []byte) map[string]any {
	t.Helper()
	out := object(t, body)
	require.NotEmpty(t, out["request_id"])
	delete(out, "request_id")
	return out
}

func urlEncode(name, value string) string { return url.Values{name: {value}}.Encode() }

func pathEncode(s string) string { return url.PathEscape(s) }

// emptyUsers does what a clumsy restore would.
func emptyUsers(tx *db.Tx) error {
	for _, statement := range []string{
		"DELETE FROM refresh_tokens", "DELETE FROM sessions", "DELETE FROM api_keys", "DELETE FROM users",
	} {
		if _, err := tx.Exec(statement); err != nil {
			return err
		}
	}
	return nil
}
