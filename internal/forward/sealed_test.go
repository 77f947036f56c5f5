package forward_test

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/forward"
)

// stored answers a target's settings as the table has them.
func (h *house) stored(id string) (text string) {
	h.t.Helper()
	require.NoError(h.t, h.db.ReadSQL().QueryRowContext(h.t.Context(), `SELECT settings FROM forward_targets WHERE id = ?`, id).Scan(&text))
	return text
}

// store puts settings into the table.
func (h *house) store(id, text string) {
	h.t.Helper()
	require.NoError(h.t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE forward_targets SET settings = ? WHERE id = ?`, text, id)
		return err
	}))
}

func toHook(name, url string) forward.Wanted {
	return forward.Wanted{Kind: forward.Webhook, Name: name, From: forward.FromStart, Settings: forward.Settings{URL: url}}
}

// threat S4
func TestAWebhooksAddressIsStoredSealed(t *testing.T) {
	hook := newHook(t)
	path := apptest.DBPath(t)
	h := openHouse(t, path, trusting(quick("127.0.0.1"), hook), nil)
	target := h.create(toHook("hook", hook.URL+"/services/T0KEN?x=T0KEN"))
	h.append(3)
	stop := h.run()
	h.current(target.ID, 20*time.Second)
	require.Equal(t, "/services/T0KEN?x=T0KEN", hook.path())
	next := hook.URL + "/services/T0KEN2"
	_, err := h.Change(t.Context(), system(), target.ID, forward.Change{URL: &next})
	require.NoError(t, err)
	require.Eventually(t, func() bool { h.append(1); return hook.path() == "/services/T0KEN2" }, 20*time.Second, 20*time.Millisecond)
	stop()
	require.NotContains(t, h.stored(target.ID), "T0KEN")
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NotContains(t, string(raw), "T0KEN", file)
	}
}

// Releases before stored the address in clear: it is sealed at the start, and the target works on.
func TestAnAddressInClearIsSealedAtTheStart(t *testing.T) {
	hook := newHook(t)
	h := newHouse(t, trusting(quick("127.0.0.1"), hook))
	broken, target := h.create(toHook("broken", hook.URL)), h.create(toHook("hook", hook.URL+"/x"))
	clear, err := json.Marshal(map[string]string{"url": hook.URL + "/services/T0KEN", "scope": "all"})
	require.NoError(t, err)
	h.store(target.ID, string(clear))
	shown, err := h.Find(t.Context(), target.ID)
	require.NoError(t, err)
	require.Equal(t, hook.URL+"/…", shown.URL)
	h.store(broken.ID, `[]`)
	h.append(3)
	h.run()
	require.Eventually(t, func() bool { return hook.path() == "/services/T0KEN" }, 20*time.Second, 5*time.Millisecond, "%s", h.said)
	require.NotContains(t, h.stored(target.ID), "T0KEN")
	require.Contains(t, h.stored(target.ID), `"scope":"all"`, "what it is sent stays")
}

// threat S4
func TestAnAddressOpensWhereItWasSealedAlone(t *testing.T) {
	hook := newHook(t)
	h := newHouse(t, trusting(quick("127.0.0.1"), hook))
	one, two := h.create(toHook("one", hook.URL+"/one")), h.create(toHook("two", hook.URL+"/two"))
	h.store(two.ID, h.stored(one.ID))
	code, err := h.Test(t.Context(), system(), two.ID)
	require.NoError(t, err)
	require.Equal(t, "broken", code)
	require.Empty(t, hook.raw)
}

// What is shown is no address: given back, it would take the place of the one that is kept.
func TestAMaskedAddressIsRefused(t *testing.T) {
	h := newHouse(t, quick("127.0.0.1"))
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	target := h.create(toHook("hook", "https://"+closed.Addr().String()+"/in"))
	_, err = h.Change(t.Context(), system(), target.ID, forward.Change{URL: &target.URL})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	require.Equal(t, "url", fault.From(err).Field)
	name := "another"
	_, err = h.Change(t.Context(), system(), target.ID, forward.Change{Name: &name})
	require.NoError(t, err, "the address that is kept stays")
}

// path answers where the last post went.
func (h *hook) path() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.paths) == 0 {
		return ""
	}
	return h.paths[len(h.paths)-1]
}

// note keeps where a post went; h is locked.
func (h *hook) note(r *http.Request) { h.paths = append(h.paths, r.URL.RequestURI()) }
