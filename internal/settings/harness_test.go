package settings_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/settings"
)

// house is one process on a database, with the last values that its services were given.
type house struct {
	*settings.Service
	db    *db.DB
	guard *access.Guard
	log   *audit.Log
	said  *bytes.Buffer

	mu      sync.Mutex
	applied []map[string]string
}

// fields are a few of the kinds that there are: a number up to 100, a word that verdicts follow from, one that waits for a
// restart, one that the file fixes and one that is only shown.
func fields() []settings.Field {
	return []settings.Field{
		{Key: "queue", Default: "10", Type: "integer", Min: "1", Max: "100", Source: settings.Default, Applies: settings.Now},
		{Key: "mode", Default: "strict", Type: "choice", Choices: []string{"strict", "loose"}, Source: settings.Default, Applies: settings.Now, Policy: true},
		{Key: "slots", Default: "0", Type: "integer", Source: settings.Default, Applies: settings.Restart},
		{Key: "fixed", Default: "1", Given: "7", Type: "integer", Source: settings.File, Applies: settings.Now},
		{Key: "shown", Default: "x", Type: "text", Source: settings.Default},
		{Key: "low", Default: "1", Type: "integer", Source: settings.Default, Applies: settings.Now},
	}
}

// check takes numbers up to 100 and two words, and no low above the queue.
func check(stored map[string]string) map[string]error {
	bad := map[string]error{}
	number := func(key, otherwise string) int {
		text, ok := stored[key]
		if !ok {
			text = otherwise
		}
		n, err := strconv.Atoi(text)
		if err != nil || n > 100 {
			bad[key] = errors.New("wants a whole number up to 100")
		}
		return n
	}
	for key, value := range stored {
		switch key {
		case "queue", "slots", "low", "fixed":
			number(key, "")
		case "mode":
			if value != "strict" && value != "loose" {
				bad[key] = errors.New("wants one of strict, loose")
			}
		default:
			bad[key] = errors.New("is no setting of this release")
		}
	}
	if _, ok := stored["low"]; ok && len(bad) == 0 && number("low", "1") > number("queue", "10") {
		bad["low"] = errors.New("is above the queue")
	}
	return bad
}

func newHouse(t testing.TB) *house {
	t.Helper()
	return openHouse(t, apptest.DBPath(t))
}

// openHouse is one more process on the database at path.
func openHouse(t testing.TB, path string) *house {
	t.Helper()
	h := &house{db: apptest.OpenDBAt(t, path, time.Now), said: &bytes.Buffer{}}
	_, err := h.db.Migrate(t.Context())
	require.NoError(t, err)
	h.log = audit.New(h.db, []byte("content key of a test"))
	h.guard, err = access.New(t.Context(), h.db, h.log, access.Options{})
	require.NoError(t, err)
	h.Service, err = settings.New(t.Context(), h.db, h.guard, settings.Options{
		Fields: fields(), Check: check, Log: slog.New(slog.NewTextHandler(h.said, nil)),
	})
	require.NoError(t, err)
	h.Apply(func(stored map[string]string) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.applied = append(h.applied, stored)
	})
	return h
}

// inForce answers what the services were given last.
func (h *house) inForce() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.applied[len(h.applied)-1]
}

func (h *house) person(t testing.TB, name, role string) access.Principal {
	t.Helper()
	require.NoError(t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO users (id, kind, username, username_key, role, status, created_at, updated_at)
			VALUES ('usr_' || ?1, 'person', ?1, ?1, ?2, 'active', 0, 0)`, name, role)
		return err
	}))
	return access.Principal{Kind: access.KindUser, UserID: "usr_" + name, Name: name, Role: role, Origin: access.Origin{RequestID: "req_" + name}}
}

func (h *house) last(t testing.TB) audit.Event {
	t.Helper()
	page, err := h.log.List(t.Context(), audit.Filter{Limit: 1})
	require.NoError(t, err)
	require.NotEmpty(t, page.Items)
	return page.Items[0]
}

func (h *house) item(t testing.TB, p access.Principal, key string) settings.Item {
	t.Helper()
	v, err := h.Get(context.Background(), p)
	require.NoError(t, err)
	for _, it := range v.Items {
		if it.Key == key {
			return it
		}
	}
	require.Fail(t, "no such item", key)
	return settings.Item{}
}

func system() access.Principal { return access.System("test") }

// to asks for one value; "" takes it back.
func to(pairs ...string) settings.Change {
	c := settings.Change{Values: map[string]*string{}}
	for i := 0; i < len(pairs); i += 2 {
		c.Values[pairs[i]] = nil
		if pairs[i+1] != "" {
			c.Values[pairs[i]] = &pairs[i+1]
		}
	}
	return c
}
