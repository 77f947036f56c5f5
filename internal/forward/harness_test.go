package forward_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/forward"
	"guardhouse/internal/forward/outbound"
)

// house is a server's part that forwards, on a database of its own.
type house struct {
	*forward.Service
	t     testing.TB
	db    *db.DB
	log   *audit.Log
	guard *access.Guard
	said  *apptest.Lines
}

func quick(hosts ...string) forward.Options {
	o := forward.Options{
		Host: "guard.example", Poll: 5 * time.Millisecond, Term: 30 * time.Millisecond, Settle: 50 * time.Millisecond,
		Retry: 10 * time.Millisecond, RetryMost: 50 * time.Millisecond,
	}
	for _, h := range hosts {
		parsed, err := outbound.Parse(h)
		if err != nil {
			panic(err)
		}
		o.Hosts = append(o.Hosts, parsed)
	}
	return o
}

func newHouse(t testing.TB, o forward.Options) *house { return openHouse(t, apptest.DBPath(t), o, nil) }

func openHouse(t testing.TB, path string, o forward.Options, notes func(context.Context, int64, int) ([]forward.Note, error)) *house {
	t.Helper()
	h := &house{t: t, db: apptest.OpenDBAt(t, path, time.Now), said: &apptest.Lines{}}
	h.log = audit.New(h.db, []byte("content key of a test"))
	var err error
	h.guard, err = access.New(t.Context(), h.db, h.log, access.Options{})
	require.NoError(t, err)
	o.Log = slog.New(slog.NewTextHandler(h.said, nil))
	h.Service, err = forward.New(forward.Deps{DB: h.db, Log: h.log, Guard: h.guard, Key: make([]byte, 32), Notes: notes}, o)
	require.NoError(t, err)
	return h
}

// run sends until the answer is called, which waits for the end.
func (h *house) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { h.Run(ctx) })
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); work.Wait() }) }
	h.t.Cleanup(stop)
	return stop
}

// append writes n rows and answers their ids.
func (h *house) append(n int) (ids []string) {
	h.t.Helper()
	require.NoError(h.t, h.db.Write(func(tx *db.Tx) error {
		ids = nil
		for i := range n {
			ev, err := h.log.Append(tx, audit.Entry{
				Actor: audit.Actor{Type: "user", ID: "usr_rita", Name: "rita 李\n\x1b[2J"}, Action: "moderation.run", Decision: audit.Allow,
				Details: map[string]any{"n": i},
			})
			if err != nil {
				return err
			}
			ids = append(ids, ev.ID)
		}
		return nil
	}))
	return ids
}

// all answers the ids of the whole log in order.
func (h *house) all() (ids []string) {
	h.t.Helper()
	for seq := int64(0); ; {
		rows, err := h.log.After(h.t.Context(), seq, 500)
		require.NoError(h.t, err)
		for _, ev := range rows {
			ids, seq = append(ids, ev.ID), ev.Seq
		}
		if len(rows) < 500 {
			return ids
		}
	}
}

func system() access.Principal { return access.System("tester") }

func (h *house) create(w forward.Wanted) forward.Target {
	h.t.Helper()
	target, _, err := h.Create(h.t.Context(), system(), w)
	require.NoError(h.t, err)
	return target
}

func toSyslog(name, address string) forward.Wanted {
	return forward.Wanted{Kind: forward.Syslog, Name: name, From: forward.FromStart, Settings: forward.Settings{Transport: forward.TCP, Address: address}}
}

// current waits until a target has everything.
func (h *house) current(id string, within time.Duration) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		target, err := h.Find(context.Background(), id)
		return err == nil && target.State == forward.Current
	}, within, 20*time.Millisecond, "%s", h.said)
}

// receiver takes syslog by TCP with octet counting.
type receiver struct {
	listener net.Listener
	mu       sync.Mutex
	messages []string
	conns    map[net.Conn]bool
	deaf     bool
}

func newReceiver(t testing.TB, address string) *receiver {
	t.Helper()
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	r := &receiver{listener: l, conns: map[net.Conn]bool{}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns[c] = true
			r.mu.Unlock()
			go r.read(c)
		}
	}()
	t.Cleanup(r.kill)
	return r
}

func (r *receiver) address() string { return r.listener.Addr().String() }

func (r *receiver) read(c net.Conn) {
	in := bufio.NewReader(c)
	for {
		message, err := unframe(in)
		r.mu.Lock()
		if err != nil {
			delete(r.conns, c)
			_ = c.Close()
			r.mu.Unlock()
			return
		}
		if !r.deaf {
			r.messages = append(r.messages, message)
		}
		r.mu.Unlock()
	}
}

func unframe(in *bufio.Reader) (string, error) {
	size, err := in.ReadString(' ')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(size, " "))
	if err != nil {
		return "", fmt.Errorf("frame: %w", err)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(in, b)
	return string(b), err
}

// kill ends the receiver as a signal would.
func (r *receiver) kill() {
	_ = r.listener.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		_ = c.Close()
	}
}

var idPattern = regexp.MustCompile(`\[guardhouse@32473 id="(evt_[0-9A-Z]+)" seq="`)

func (r *receiver) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return idsOf(strings.Join(r.messages, "\n"))
}

func (r *receiver) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.messages, "\n")
}

func idsOf(text string) (ids []string) {
	for _, m := range idPattern.FindAllStringSubmatch(text, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// once leaves out what came again.
func once(ids []string) (out []string) {
	seen := map[string]bool{}
	for _, id := range ids {
		if !seen[id] {
			seen[id], out = true, append(out, id)
		}
	}
	return out
}
