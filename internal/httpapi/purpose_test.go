package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const purposeHeader = "X-Guardhouse-Purpose"

// TestThePurposeStandsInTheRow: as it was sent, or percent-encoded, which is all that a browser can send of other scripts.
func TestThePurposeStandsInTheRow(t *testing.T) {
	b := newBench(t)
	for sent, kept := range map[string]string{
		"ward round": "ward round", "ticket INC-1": "ticket INC-1", "查房": "查房", "UTF-8''%E6%9F%A5%E6%88%BF": "查房", "utf-8''a%20b": "a b",
		"UTF-8'de'x": "UTF-8'de'x", strings.Repeat("p", 256): strings.Repeat("p", 256),
	} {
		for path, body := range map[string]string{moderations: `{"input":"x"}`, "/v1/moderations": `{"input":["x","y"]}`, "/api/audit": `{"text":"x"}`} {
			rows := b.newRows(func() {
				w := b.do(call{method: "POST", path: path, as: "rita", body: body, header: map[string]string{purposeHeader: sent}})
				require.Equal(t, http.StatusOK, w.Code, "%q: %s", sent, w.Body)
			})
			require.Len(t, rows, 1)
			require.Equal(t, kept, rows[0].Purpose)
		}
	}
}

// TestAPurposeThatCannotBeKept is refused with a row: a rule must not go by a text that nobody can read later.
func TestAPurposeThatCannotBeKept(t *testing.T) {
	b := newBench(t)
	for _, sent := range []string{
		"a\tb", "a\x00b", "a\xffb", "UTF-8''%", "UTF-8''%zz", "UTF-8''%FF", "UTF-8''a%0Ab", "UTF-8''%00", strings.Repeat("p", 257), strings.Repeat("查", 86), strings.Repeat("p", 10_000),
		"UTF-8''" + strings.Repeat("%E6%9F%A5", 86),
	} {
		rows := b.newRows(func() {
			w := b.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"x"}`, header: map[string]string{purposeHeader: sent}})
			require.Equal(t, http.StatusBadRequest, w.Code, "%q: %s", sent, w.Body)
			require.Contains(t, w.Body.String(), `"field":"`+purposeHeader+`"`)
		})
		require.Len(t, rows, 1)
		require.Equal(t, "error", rows[0].Decision)
		require.Empty(t, rows[0].Purpose)
	}
	w := b.do(call{method: "GET", path: "/api/v1/auth/me", as: "rita", header: map[string]string{purposeHeader: "a\xffb"}})
	require.Equal(t, http.StatusOK, w.Code, "a route that uses no model does not look at it")
}
