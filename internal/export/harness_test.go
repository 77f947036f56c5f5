package export_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/export"
	"guardhouse/internal/proof"
)

// house is a service over a real gate, log and signer, under a clock that the test turns.
type house struct {
	t     testing.TB
	db    *db.DB
	log   *audit.Log
	guard *access.Guard
	keys  proof.Keys
	notes []note
	*export.Service

	mu sync.Mutex
	at time.Time
}

type note struct{ kind, text string }

var began = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant in all but type

func newHouse(t testing.TB, with ...func(*export.Deps)) *house {
	t.Helper()
	h := &house{t: t, at: began}
	h.db = apptest.OpenDBAt(t, apptest.DBPath(t), h.now)
	h.log = audit.New(h.db, []byte("a key of thirty-two bytes, or so"))
	for name, role := range map[string]string{"alice": "admin", "rita": "reviewer"} {
		h.exec(`INSERT INTO users (id, kind, username, username_key, role, status, created_at, updated_at) VALUES (?1, 'person', ?2, ?2, ?3, 'active', 1, 1)`,
			"usr_"+name, name, role)
	}
	var err error
	h.guard, err = access.New(t.Context(), h.db, h.log, access.Options{Now: h.now})
	require.NoError(t, err)
	signer, _, err := proof.NewSigner(rand.Reader, "ins1")
	require.NoError(t, err)
	h.keys, err = proof.ParseKeys([]byte(signer.Verifier()))
	require.NoError(t, err)
	d := export.Deps{
		DB: h.db, Guard: h.guard, Log: h.log, Now: h.now, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Prover: export.Prover{Install: install, Sign: signer.Sign, Notes: h.give},
	}
	for _, change := range with {
		change(&d)
	}
	h.Service = export.New(d)
	return h
}

func install(context.Context) (string, error) { return "ins1", nil }

func (h *house) give(_ context.Context, _, _ int64, each func(kind string, note []byte) error) error {
	for _, n := range h.notes {
		if err := each(n.kind, []byte(n.text)); err != nil {
			return err
		}
	}
	return nil
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *house) turn(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

func (h *house) exec(query string, args ...any) {
	h.t.Helper()
	require.NoError(h.t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	}))
}

func (h *house) alice() access.Principal {
	return access.Principal{Kind: access.KindUser, UserID: "usr_alice", Name: "alice", Role: "admin"}
}

func (h *house) rita() access.Principal {
	return access.Principal{Kind: access.KindUser, UserID: "usr_rita", Name: "rita", Role: "reviewer"}
}

// fill appends n rows of a few people, in few transactions.
func (h *house) fill(n int) {
	h.t.Helper()
	for done := 0; done < n; {
		part := min(n-done, 5000)
		require.NoError(h.t, h.db.Write(func(tx *db.Tx) error {
			for i := range part {
				if _, err := h.log.Append(tx, entry(done+i)); err != nil {
					return err
				}
			}
			return nil
		}))
		done += part
	}
}

func entry(i int) audit.Entry {
	return audit.Entry{
		Actor: audit.Actor{Type: "user", ID: "usr_" + fmt.Sprint(i%7), Name: fmt.Sprintf("person-%d", i%7)}, Roles: []string{"reviewer"},
		Action: "moderation.run", Operation: "infer", Model: "guard-nano", Decision: audit.Allow, IP: "192.0.2.7",
		UserAgent: "OpenAI/Python 2.8.0", RequestID: fmt.Sprintf("req_%d", i), PolicyVersion: 1, Details: map[string]any{"items": 1},
	}
}

// take is a whole export of alice's.
func (h *house) take(r export.Request) (string, export.Sum) {
	h.t.Helper()
	x, err := h.Begin(h.t.Context(), h.alice(), r)
	require.NoError(h.t, err)
	var out bytes.Buffer
	sum, err := x.Write(h.t.Context(), &out)
	require.NoError(h.t, err)
	return out.String(), sum
}

// newest answers the newest n rows, newest first.
func (h *house) newest(n int) []audit.Event {
	h.t.Helper()
	page, err := h.log.List(h.t.Context(), audit.Filter{Limit: n})
	require.NoError(h.t, err)
	return page.Items
}
