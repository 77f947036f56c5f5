package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// content answers every row of every table, but the audit and the notes of when somebody was last here.
func (b *bench) content() map[string][]string {
	b.t.Helper()
	out := map[string][]string{}
	names, err := b.db.ReadSQL().QueryContext(b.t.Context(), `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
	require.NoError(b.t, err)
	defer func() { require.NoError(b.t, names.Close()) }()
	var tables []string
	for names.Next() {
		var name string
		require.NoError(b.t, names.Scan(&name))
		if !strings.HasPrefix(name, "audit_") {
			tables = append(tables, name)
		}
	}
	require.NoError(b.t, names.Err())
	for _, table := range tables {
		out[table] = b.table(table)
	}
	return out
}

func (b *bench) table(name string) []string {
	b.t.Helper()
	touched := []string{"last_used_at", "last_ip"}
	rows, err := b.db.ReadSQL().QueryContext(b.t.Context(), "SELECT * FROM "+name)
	require.NoError(b.t, err)
	defer func() { require.NoError(b.t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(b.t, err)
	out := []string{}
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		require.NoError(b.t, rows.Scan(values...))
		var line strings.Builder
		for i, column := range columns {
			if v, ok := values[i].(*any); ok && !slices.Contains(touched, column) {
				fmt.Fprintf(&line, "%s=%v ", column, *v)
			}
		}
		out = append(out, line.String())
	}
	require.NoError(b.t, rows.Err())
	slices.Sort(out)
	return out
}

// threat P3: what a page of another site may send, GET, HEAD and OPTIONS, changes nothing, whoever's browser it is.
func TestSafeMethodsChangeNothing(t *testing.T) {
	b := newBench(t)
	require.Equal(t, http.StatusOK, b.do(call{method: "POST", path: moderations, as: "alice", body: `{"input":"x"}`}).Code)
	me := object(t, b.do(call{method: "GET", path: "/api/v1/auth/me", as: "alice"}).Body.Bytes())
	user, ok := me["user"].(map[string]any)
	require.True(t, ok)
	ids := []string{"guard-nano", fmt.Sprint(user["id"]), fmt.Sprint(me["key_id"]), "admin", "reviewer", b.rows()[0].ID}
	before := b.content()
	require.Greater(t, len(before), 10)
	require.NotEmpty(t, before["users"])
	require.NotEmpty(t, before["verdicts"])

	asked := map[int]int{}
	for _, r := range b.server.Routes() {
		path := strings.Fields(r)[1]
		for _, id := range ids {
			target := strings.ReplaceAll(concrete(strings.ReplaceAll(path, "*path", "index.html")), "guard-nano", id)
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
				for _, header := range []map[string]string{{"Cookie": b.cookie, "Sec-Fetch-Site": "cross-site"}, {"Authorization": "Bearer " + b.keys["alice"]}, {}} {
					asked[b.glance(method, target, header)]++
				}
			}
			if !strings.ContainsAny(path, ":*") {
				break
			}
		}
	}
	require.Greater(t, asked[http.StatusOK], 50, "%v", asked)
	require.Equal(t, before, b.content())
}

// glance asks and leaves soon: some answers have no end.
func (b *bench) glance(method, target string, header map[string]string) int {
	ctx, cancel := context.WithTimeout(b.t.Context(), 100*time.Millisecond)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, method, "https://localhost"+target, nil)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	return w.Code
}
