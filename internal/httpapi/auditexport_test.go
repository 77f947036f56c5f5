package httpapi_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/export"
	"guardhouse/internal/httpapi"
	"guardhouse/internal/proof"
)

const exportPath = "/api/v1/audit/export"

// exports is the service with a key of its own and, where one is named, a folder.
func (s *services) exports(t testing.TB, folder string) *export.Service {
	t.Helper()
	var err error
	s.signer, _, err = proof.NewSigner(rand.Reader, "ward")
	require.NoError(t, err)
	s.keyNote, err = s.signer.SignKey(proof.Key{Install: "ward", ID: s.signer.ID(), Verifier: s.signer.Verifier(), At: time.Now()}, nil)
	require.NoError(t, err)
	return export.New(export.Deps{
		DB: s.db, Guard: s.guard, Log: s.log, Still: s.auth.Recheck, Folder: folder,
		Prover: export.Prover{
			Install: func(context.Context) (string, error) { return "ward", nil }, Sign: s.signer.Sign,
			Notes: func(_ context.Context, _, _ int64, each func(string, []byte) error) error {
				return each("key", s.keyNote)
			},
		},
	})
}

// threat W2: what strangers say of themselves opens as text, and the file's name is ours.
func TestExportOfTheLog(t *testing.T) {
	b := newBench(t)
	evil := `=HYPERLINK("http://evil","x")`
	b.do(call{method: "POST", path: moderations, as: "rob", body: `{"input":"hello"}`, header: map[string]string{"User-Agent": evil}})
	w := b.do(call{method: "GET", path: exportPath + `?format=csv&bom=1&actor=rob`, as: "otto"})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, `attachment; filename="guardhouse-audit.csv"`, w.Header().Get("Content-Disposition"))
	require.Equal(t, "text/csv; charset=utf-8; header=present", w.Header().Get("Content-Type"))
	text := w.Body.String()
	require.True(t, strings.HasPrefix(text, "\ufeffv,seq,"))
	require.Contains(t, text, `"'=HYPERLINK(""http://evil"",""x"")"`)
	require.Contains(t, text, "\r\n#manifest,")

	w = b.do(call{method: "GET", path: exportPath + `?format=jsonl`, as: "otto"})
	require.Equal(t, http.StatusOK, w.Code)
	lines := strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n")
	require.Contains(t, lines[len(lines)-1], `{"manifest":"guardhouse/export/v1\n`)
	require.Contains(t, lines[len(lines)-2], `{"key":"guardhouse/key/v1\n`)
	for i, line := range lines[:len(lines)-2] {
		var ev audit.Event
		require.NoError(t, json.Unmarshal([]byte(line), &ev))
		require.EqualValues(t, i+1, ev.Seq)
		require.Equal(t, ev.Hash, ev.ComputeHash())
	}
	rows := b.rows()
	require.Equal(t, []string{"begin", "end"}, []string{rows[len(rows)-2].Details["change"].(string), rows[len(rows)-1].Details["change"].(string)})
}

// threat P3: a page elsewhere can have a browser open the address; it gets no export, and what it asked for is in no row.
func TestExportAskedForElsewhere(t *testing.T) {
	b := newBench(t)
	page := b.aliceInABrowser()
	ask := func(site string, header map[string]string) int {
		r := map[string]string{"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
		for name, value := range header {
			r[name] = value
		}
		if site == "" {
			delete(r, "Sec-Fetch-Site")
		}
		return b.do(call{method: "GET", path: exportPath + "?format=csv&q=planted", header: r}).Code
	}
	cookie := map[string]string{"Cookie": page["Cookie"]}
	for _, site := range []string{"cross-site", "same-site", "unknown"} {
		before := len(b.rows())
		require.Equal(t, http.StatusForbidden, ask(site, cookie), site)
		rows := b.rows()[before:]
		require.Len(t, rows, 1)
		require.Equal(t, "cross_site", rows[0].Reason)
		require.NotContains(t, fmt.Sprint(rows[0].Details), "planted")
	}
	for _, site := range []string{"same-origin", "none", ""} {
		require.Equal(t, http.StatusOK, ask(site, cookie), site)
	}
	require.Equal(t, http.StatusOK, ask("cross-site", map[string]string{"Authorization": "Bearer " + b.keys["alice"]}), "a key is none that a browser adds by itself")
}

func TestExportOfNonsense(t *testing.T) {
	b := newBench(t)
	for _, query := range []string{
		"", "?format=xlsx", "?format=csv&format=jsonl", "?format=csv&decision=maybe", "?format=csv&from=yesterday", "?format=csv&from=9999-12-31T00:00:00Z",
		"?format=csv&from=2026-11-22T00:00:00Z&to=2026-11-21T00:00:00Z", "?format=csv&bom=2", "?format=jsonl&bom=1", "?format=csv&limit=5", "?format=csv&cursor=1",
		"?format=csv&q=" + strings.Repeat("x", 200), "?format=csv&actor=a%0Ab", "?format=csv&ip=%00%00",
	} {
		w := b.do(call{method: "GET", path: exportPath + query, as: "alice"})
		require.Equal(t, http.StatusBadRequest, w.Code, "%s: %s", query, w.Body)
		require.Empty(t, w.Header().Get("Content-Disposition"))
	}
}

// Who leaves early has no manifest, and the log says that he left.
func TestExportThatIsNotRead(t *testing.T) {
	l := newLive(t, nil)
	require.NoError(t, l.db.Write(func(tx *db.Tx) error {
		for range 20_000 {
			if _, err := l.log.Append(tx, audit.Entry{Actor: audit.Actor{Type: "system", Name: "test"}, Action: "moderation.run", Decision: audit.Allow}); err != nil {
				return err
			}
		}
		return nil
	}))
	for _, proto := range []string{"h2", "http/1.1"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+l.addr+exportPath+"?format=jsonl", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+l.keys["alice"])
		res, err := l.speaks(proto).Do(r)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, res.StatusCode)
		_, err = bufio.NewReader(res.Body).ReadString('\n')
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Eventually(t, func() bool {
			page, err := l.log.List(t.Context(), audit.Filter{Limit: 1, Action: "audit.export"})
			return err == nil && page.Items[0].Reason == "canceled" && page.Items[0].Details["change"] == "end"
		}, 20*time.Second, 20*time.Millisecond, proto)
	}
	// Both places are free again.
	w := l.do(call{method: "GET", path: exportPath + "?format=jsonl", as: "alice"})
	require.Equal(t, http.StatusOK, w.Code)
}

// A third export is told when to come back.
func TestExportsAtOnce(t *testing.T) {
	b := newBench(t)
	for range export.AtOnce {
		_, err := b.exporting.Begin(t.Context(), access.System("tester"), export.Request{Format: export.CSV})
		require.NoError(t, err)
	}
	w := b.do(call{method: "GET", path: exportPath + "?format=csv", as: "alice"})
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "30", w.Header().Get("Retry-After"))
	require.Equal(t, "busy", field(t, w.Body.Bytes(), "code"))
}

// A page asks before it has the browser save a file: it is told what the export would be refused for, and nothing is exported.
func TestAskingWhetherAnExportWouldBeLetIn(t *testing.T) {
	b := newBench(t)
	ask := func(as, query string) (int, string) {
		w := b.do(call{method: "GET", path: exportPath + query, as: as})
		require.Empty(t, w.Header().Get("Content-Disposition"))
		if w.Code == http.StatusNoContent {
			require.Empty(t, w.Body.String())
			return w.Code, ""
		}
		return w.Code, field(t, w.Body.Bytes(), "code")
	}
	said := func(code int, name, as, query string) {
		t.Helper()
		gotCode, gotName := ask(as, query)
		require.Equal(t, []any{code, name}, []any{gotCode, gotName})
	}
	before := len(b.rows())
	said(http.StatusNoContent, "", "otto", "?format=csv&check=1&actor=rob")
	said(http.StatusBadRequest, "invalid", "otto", "?format=csv&check=1&from=2026-11-22T00:00:00Z&to=2026-11-21T00:00:00Z")
	said(http.StatusBadRequest, "invalid", "otto", "?format=csv&check=2")
	rows := b.rows()[before:]
	for _, r := range rows {
		require.NotEqual(t, "begin", r.Details["change"], "nothing was exported")
	}
	said(http.StatusForbidden, "forbidden", "rob", "?format=csv&check=1")
	last := b.rows()
	require.Equal(t, []string{"audit.export", audit.Deny}, []string{last[len(last)-1].Action, last[len(last)-1].Decision}, "a refusal leaves its row")
	for range export.AtOnce {
		_, err := b.exporting.Begin(t.Context(), access.System("tester"), export.Request{Format: export.CSV})
		require.NoError(t, err)
	}
	said(http.StatusServiceUnavailable, "busy", "otto", "?format=csv&check=1")
	unwritable := newBench(t, func(_ *httpapi.Options, d *httpapi.Deps) { d.Writable = func() error { return io.ErrShortWrite } })
	w := unwritable.do(call{method: "GET", path: exportPath + "?format=csv&check=1", as: "otto"})
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "audit_unavailable", field(t, w.Body.Bytes(), "code"))
}

func TestExportSchedules(t *testing.T) {
	b := newBench(t)
	path := exportPath + "/schedules"
	list := b.do(call{method: "GET", path: path, as: "otto"})
	require.JSONEq(t, `{"items":[],"folder_problem":"folder_missing"}`, list.Body.String())

	require.NoError(t, os.Mkdir(b.exportFolder, 0o750))
	body := `{"name":"archive","format":"jsonl","every":"day","at":"02:30","filter":{"decision":"deny","rule":"closes"}}`
	w := b.do(call{method: "POST", path: path, header: b.aliceInABrowser(), body: body})
	require.Equal(t, http.StatusForbidden, w.Code)
	require.Equal(t, "confirmation_required", field(t, w.Body.Bytes(), "code"))
	w = b.do(call{method: "POST", path: path, as: "alice", body: body})
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	require.Equal(t, path+"/"+field(t, w.Body.Bytes(), "id"), w.Header().Get("Location"))
	require.Contains(t, w.Body.String(), `"filter":{"decision":"deny","rule":"closes"}`)
	require.Equal(t, http.StatusConflict, b.do(call{method: "POST", path: path, as: "alice", body: body}).Code)
	for _, bad := range []string{`{"name":"../x","format":"jsonl","every":"day"}`, `{"name":"x","format":"pdf","every":"day"}`, `{"name":"x","format":"csv","every":"day","at":"30:00"}`} {
		require.Equal(t, http.StatusBadRequest, b.do(call{method: "POST", path: path, as: "alice", body: bad}).Code, bad)
	}
	gone := b.do(call{method: "DELETE", path: w.Header().Get("Location"), header: b.aliceInABrowser()})
	require.Equal(t, http.StatusForbidden, gone.Code)
	require.Equal(t, http.StatusNoContent, b.do(call{method: "DELETE", path: w.Header().Get("Location"), as: "alice"}).Code)
}
