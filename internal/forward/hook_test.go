package forward_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/forward"
	"guardhouse/internal/forward/webhook"
)

// hook is a webhook's receiver.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	then   []int // answers to the next posts, before status
	bodies []webhook.Body
	taken  []webhook.Body // those of the bodies that were answered for
	raw    [][]byte
	signed []string
	paths  []string
	retry  string // what is said to those who are not answered for
}

func newHook(t testing.TB) *hook {
	t.Helper()
	h := &hook{status: http.StatusNoContent}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var b webhook.Body
		_ = json.Unmarshal(raw, &b)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.note(r)
		h.bodies, h.raw, h.signed = append(h.bodies, b), append(h.raw, raw), append(h.signed, r.Header.Get(webhook.SignatureHeader))
		status := h.status
		if len(h.then) > 0 {
			status, h.then = h.then[0], h.then[1:]
		}
		if status == http.StatusNoContent {
			h.taken = append(h.taken, b)
		}
		if status != http.StatusNoContent && h.retry != "" {
			w.Header().Set("Retry-After", h.retry)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

func (h *hook) ids() (ids []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.bodies {
		for _, ev := range b.Events {
			ids = append(ids, ev.ID)
		}
	}
	return ids
}

func (h *hook) posts() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.raw)
}

// lastIs says whether the last post is signed with a secret.
func (h *hook) lastIs(secret string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := len(h.raw) - 1
	return webhook.Check(h.signed[last], secret, h.raw[last], time.Now(), time.Minute) == nil
}

// trusting answers options whose client trusts the hook's certificate: the list of hosts stands as it is.
func trusting(o forward.Options, h *hook) forward.Options {
	o.Roots = h.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return o
}

func TestWebhookRetriesAndSigns(t *testing.T) {
	hook := newHook(t)
	hook.answer(http.StatusInternalServerError)
	h := newHouse(t, trusting(quick("127.0.0.1"), hook))
	target, secret, err := h.Create(t.Context(), system(), forward.Wanted{
		Kind: forward.Webhook, Name: "hook", From: forward.FromStart, Settings: forward.Settings{URL: hook.URL + "/in?token=x"},
	})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(secret, "whsec_"))
	require.NotContains(t, h.last().Details["target"], "token", "a path may hold a secret")
	h.run()
	require.Eventually(t, func() bool {
		target, err := h.Find(context.Background(), target.ID)
		return err == nil && target.Error == "status_500" && hook.posts() > 1
	}, 5*time.Second, 5*time.Millisecond)
	hook.answer(http.StatusNoContent)
	h.append(250)
	h.current(target.ID, 5*time.Second)
	require.Equal(t, h.all(), once(hook.ids()))
	require.NoError(t, webhook.Check(hook.signed[0], secret, hook.raw[0], time.Now(), time.Minute))
	require.Error(t, webhook.Check(hook.signed[0], secret+"x", hook.raw[0], time.Now(), time.Minute))
	require.Error(t, webhook.Check(hook.signed[0], secret, append(hook.raw[0], ' '), time.Now(), time.Minute))
	require.Error(t, webhook.Check(hook.signed[0], secret, hook.raw[0], time.Now().Add(time.Hour), time.Minute))
	require.Equal(t, hook.bodies[0].Delivery, hook.bodies[1].Delivery, "a post that is made again can be told")

	_, next, err := h.Rotate(t.Context(), system(), target.ID)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		h.append(1)
		return hook.lastIs(secret) && hook.lastIs(next)
	}, 10*time.Second, 50*time.Millisecond, "two are good")
	var stored string
	require.NoError(t, h.db.ReadSQL().QueryRow(`SELECT secret || secret_previous || settings FROM forward_targets`).Scan(&stored))
	require.NotContains(t, stored, secret[6:20])
	require.NotContains(t, stored, next[6:20])
	for _, raw := range hook.raw {
		require.NotContains(t, string(raw), secret)
	}
}

// What was answered for is not posted again because something after it was not.
func TestAPostThatWasTakenIsNotRepeated(t *testing.T) {
	hook := newHook(t)
	no := http.StatusRequestEntityTooLarge
	hook.then = []int{http.StatusNoContent, no, no, no}
	h := newHouse(t, trusting(quick("127.0.0.1"), hook))
	target := h.create(forward.Wanted{Kind: forward.Webhook, Name: "hook", From: forward.FromStart, Settings: forward.Settings{URL: hook.URL}})
	h.append(250)
	h.run()
	h.current(target.ID, 10*time.Second)
	hook.mu.Lock()
	defer hook.mu.Unlock()
	var got []string
	for _, b := range hook.taken {
		for _, ev := range b.Events {
			got = append(got, ev.ID)
		}
	}
	require.Equal(t, h.all(), got)
}

// threat P4
func TestAWebhooksPathIsShownNowhere(t *testing.T) {
	h := newHouse(t, quick("127.0.0.1"))
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	address := closed.Addr().String()
	made := h.create(forward.Wanted{
		Kind: forward.Webhook, Name: "hook", From: forward.FromStart, Settings: forward.Settings{URL: "https://" + address + "/services/T0KEN?x=T0KEN"},
	})
	require.Equal(t, "https://"+address+"/…", made.URL)
	h.run()
	require.Eventually(t, func() bool {
		target, err := h.Find(context.Background(), made.ID)
		return err == nil && target.Error == "refused" && target.URL == made.URL
	}, 5*time.Second, 5*time.Millisecond)
	require.Contains(t, h.said.String(), "refused")
	require.NotContains(t, h.said.String(), "T0KEN")
	yes := "another key"
	_, err = h.Change(t.Context(), system(), made.ID, forward.Change{Key: &yes})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
}

func TestAlertsAlone(t *testing.T) {
	hook := newHook(t)
	h := newHouse(t, trusting(quick("127.0.0.1"), hook))
	target := h.create(forward.Wanted{Kind: forward.Webhook, Name: "on call", Settings: forward.Settings{URL: hook.URL, Scope: forward.Alerts}})
	h.run()
	h.append(600)
	ev, err := h.log.Record(audit.Entry{Actor: audit.Actor{Type: "system", Name: "alerts"}, Action: "alert.raise", Decision: audit.Allow, Reason: "disk_low"})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(hook.ids()) == 1 }, 5*time.Second, 5*time.Millisecond)
	require.Equal(t, []string{ev.ID}, hook.ids())
	h.current(target.ID, 5*time.Second)
	_, limited, err := h.Delivered(t.Context())
	require.NoError(t, err)
	require.False(t, limited, "a target of alerts keeps no rows from going")
}

// threat P4
func TestARedirectIsAnAnswerThatTakesNothing(t *testing.T) {
	inside := newHook(t)
	outside := httptest.NewTLSServer(http.RedirectHandler(inside.URL, http.StatusTemporaryRedirect))
	defer outside.Close()
	o := trusting(quick(strings.TrimPrefix(outside.URL, "https://")), inside)
	h := newHouse(t, o)
	target := h.create(forward.Wanted{Kind: forward.Webhook, Name: "hook", Settings: forward.Settings{URL: outside.URL}})
	code, err := h.Test(t.Context(), system(), target.ID)
	require.NoError(t, err)
	require.Equal(t, "status_307", code)
	require.Empty(t, inside.raw)
}

// A secret that is moved to another target, or another column, opens nothing (threat S4).
func TestASecretStaysWhereItIs(t *testing.T) {
	hook := newHook(t)
	h := newHouse(t, trusting(quick("127.0.0.1"), hook))
	one := h.create(forward.Wanted{Kind: forward.Webhook, Name: "one", Settings: forward.Settings{URL: hook.URL}})
	two := h.create(forward.Wanted{Kind: forward.Webhook, Name: "two", Settings: forward.Settings{URL: hook.URL}})
	require.NoError(t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE forward_targets SET secret = (SELECT secret FROM forward_targets WHERE id = ?) WHERE id = ?`, one.ID, two.ID)
		return err
	}))
	code, err := h.Test(t.Context(), system(), two.ID)
	require.NoError(t, err)
	require.Equal(t, "broken", code)
	require.Empty(t, hook.raw)
}
