package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/auth"
)

// house is a server with the people, groups, keys and models of docs/access.md.
type house struct {
	*bench
	clock *apptest.Clock
	ids   map[string]string // key:NAME of the page -> key:ID
}

func newHouse(t testing.TB) *house {
	t.Helper()
	now := newClock()
	h := &house{newExplaining(t, access.Options{Now: now.Now}), now, map[string]string{}}
	h.imports("qwen3guard-4b")
	w := h.do(call{method: "POST", path: "/api/v1/groups", as: "alice", body: `{"name":"night-shift"}`})
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	group := field(t, w.Body.Bytes(), "id")
	for _, user := range []string{"rita", "ray"} {
		w := h.do(call{method: "PUT", path: "/api/v1/groups/" + group + "/members/" + h.idOf(user), as: "alice"})
		require.Less(t, w.Code, 300, "%s: %s", user, w.Body)
	}
	for _, name := range []string{"batch", "laptop"} {
		k, secret, err := h.auth.CreateKey(t.Context(), access.System("tester"), auth.NewKey{Label: name, UserName: "rita"}, nil)
		require.NoError(t, err)
		h.ids["key:"+name], h.keys["key:"+name] = "key:"+k.ID, secret
	}
	return h
}

// named puts the keys' own ids where the page has their names.
func (h *house) named(text string) string {
	for name, id := range h.ids {
		text = strings.ReplaceAll(text, name, id)
	}
	return text
}

// TestTheExamplesOfThePage puts the rules of each example into a server, once as a YAML policy and once as single rules in JSON,
// has everybody in its table ask, and holds answers and reasons against the page.
func TestTheExamplesOfThePage(t *testing.T) {
	for _, e := range accessExamples(t) {
		t.Run(e.title, func(t *testing.T) {
			h := newHouse(t)
			h.policy(e)
			h.tries(t, e)

			h = newHouse(t)
			w := h.do(call{method: "DELETE", path: "/api/v1/acl/rules/shipped-guard-nano", as: "alice"})
			require.Equal(t, http.StatusNoContent, w.Code, w.Body)
			for _, r := range e.rules {
				w := h.do(call{method: "POST", path: "/api/v1/acl/rules", as: "alice", body: h.named(r)})
				require.Equal(t, http.StatusCreated, w.Code, w.Body)
			}
			h.tries(t, e)
		})
	}
}

// policy puts the example's rules in place of all there are, as YAML.
func (h *house) policy(e example) {
	h.t.Helper()
	w := h.do(call{method: "PUT", path: "/api/v1/acl/policy", as: "alice", body: h.named(e.yaml), header: map[string]string{"Content-Type": "application/yaml"}})
	require.Equal(h.t, http.StatusOK, w.Code, w.Body)
}

// tries asks everything that stands in the table.
func (h *house) tries(t testing.TB, e example) {
	t.Helper()
	for i, cells := range e.asks {
		row := map[string]string{}
		for j, name := range e.columns {
			row[name] = cells[j]
		}
		at := fmt.Sprintf("%s, row %d: %s", e.title, i+1, strings.Join(cells, " | "))
		if when := row["when (UTC)"]; when != "" {
			moment, err := time.Parse("2006-01-02 15:04:05", when)
			require.NoError(t, err, at)
			h.clock.Set(moment)
		}
		c := asking(t, row["does"], i)
		c.as, c.peer, c.header = row["who"], "10.4.1.9", map[string]string{}
		if row["from"] != "" {
			c.peer = row["from"]
		}
		if row["purpose"] != "" {
			c.header[purposeHeader] = row["purpose"]
		}
		h.answered(t, h.do(c), row["answer"], at)
	}
}

var doing = regexp.MustCompile(`^(sees|uses) (\S+?)(?: for (\d+) texts)?$`)

// asking is the request that the page calls "sees MODEL" or "uses MODEL".
func asking(t testing.TB, does string, i int) call {
	t.Helper()
	m := doing.FindStringSubmatch(does)
	require.NotNil(t, m, does)
	switch {
	case m[1] == "sees":
		return call{method: "GET", path: "/api/v1/models/" + m[2]}
	case m[3] == "":
		return call{method: "POST", path: moderations, body: fmt.Sprintf(`{"model":%q,"input":"text %d"}`, m[2], i)}
	}
	n, err := strconv.Atoi(m[3])
	require.NoError(t, err)
	texts := make([]string, n)
	for j := range texts {
		texts[j] = fmt.Sprintf(`"text %d of %d"`, j, i)
	}
	return call{method: "POST", path: "/v1/moderations", body: fmt.Sprintf(`{"model":%q,"input":[%s]}`, m[2], strings.Join(texts, ","))}
}

var answering = regexp.MustCompile(`^(\d{3})(?: ([a-z_]+))?(?:, Retry-After (\d+))?(?:, reported ([a-z:-]+))?$`)

// answered holds an answer and the row that it left against the page.
func (h *house) answered(t testing.TB, w *httptest.ResponseRecorder, want, at string) {
	t.Helper()
	m := answering.FindStringSubmatch(want)
	require.NotNil(t, m, at)
	require.Equal(t, m[1], strconv.Itoa(w.Code), "%s: %s", at, w.Body)
	require.Equal(t, m[3], w.Header().Get("Retry-After"), at)
	if m[2] == "" && m[4] == "" {
		return
	}
	rows := h.rows()
	last := rows[len(rows)-1]
	require.Equal(t, w.Header().Get("X-Request-Id"), last.RequestID, at)
	require.Equal(t, m[2], last.Reason, at)
	if m[4] != "" {
		require.Contains(t, fmt.Sprint(last.Details["report_only"]), m[4], at)
	}
}
