package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// Trying a change and making it with the tag that was just answered is one way to work, and is not refused.
func TestATrialOverHTTPAnswersTheTagOfWhatStands(t *testing.T) {
	b := newBench(t)
	const rule = `{"effect":"deny","principals":["role:nurse"],"models":["guard-nano"],"operations":["infer"]}`
	at := "/api/v1/acl/rules/hers"
	tried := b.adminAsks("PUT", at+"?dry_run=true", rule)
	require.Equal(t, http.StatusOK, tried.Code, tried.Body)
	require.Empty(t, tried.Header().Values("ETag"), "nothing stands there")
	require.Equal(t, http.StatusNotFound, b.adminAsks("GET", at, "").Code)
	require.Equal(t, http.StatusCreated, b.adminAsks("PUT", at, rule).Code)

	const next = `{"effect":"deny","principals":["role:guest"],"models":["guard-nano"],"operations":["infer"]}`
	for path, body := range map[string]string{
		at:                   next,
		acl:                  `{"rules":[]}`,
		"/api/v1/acl/policy": `{"version":1,"rules":[{"id":"all",` + next[1:] + `]}`,
	} {
		tried := b.adminAsks("PUT", path+"?dry_run=true", body)
		require.Equal(t, http.StatusOK, tried.Code, tried.Body)
		made := b.adminAsks("PUT", path, body, tried.Header().Get("ETag"))
		require.Equal(t, http.StatusOK, made.Code, "%s: %s", path, made.Body)
		require.NotEqual(t, tried.Header().Get("ETag"), made.Header().Get("ETag"), path)
		require.Less(t, b.adminAsks("PUT", at, rule).Code, 300, "as it was")
	}
}
