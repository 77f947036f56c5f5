package events_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// frame is what a browser makes of one message.
type frame struct {
	id, kind, data string
	lastID         string // what it would resume with
}

// reader is a browser: it takes bytes, and its writer can be made to wait.
type reader struct {
	mu      sync.Mutex
	raw     []byte
	cut     int // bytes after which it is gone; 0 = never
	held    chan struct{}
	gaveUp  chan struct{}
	bounds  []time.Duration
	arrived chan struct{}
}

var errGone = errors.New("the reader is gone")

func newReader() *reader {
	return &reader{arrived: make(chan struct{}, 1), gaveUp: make(chan struct{}, 1)}
}

func (r *reader) Bound(d time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bounds = append(r.bounds, d)
	if d < 0 {
		r.gaveUp <- struct{}{}
	}
	return nil
}

func (r *reader) Write(p []byte) error {
	r.mu.Lock()
	held := r.held
	r.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-r.gaveUp:
			return errGone
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut > 0 && len(r.raw)+len(p) > r.cut {
		r.raw = append(r.raw, p[:r.cut-len(r.raw)]...)
		return errGone
	}
	r.raw = append(r.raw, p...)
	select {
	case r.arrived <- struct{}{}:
	default:
	}
	return nil
}

func (r *reader) hold() (release func()) {
	held := make(chan struct{})
	r.mu.Lock()
	r.held = held
	r.mu.Unlock()
	return func() { close(held) }
}

func (r *reader) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.raw)
}

// frames parses as the specification of server-sent events says: what is not ended by an empty line was never there.
func (r *reader) frames() (shown []frame, lastID string) {
	text := r.text()
	for {
		block, rest, whole := strings.Cut(text, "\n\n")
		if !whole {
			return shown, lastID
		}
		text = rest
		f := frame{}
		for line := range strings.SplitSeq(block, "\n") {
			switch name, value, _ := strings.Cut(line, ": "); name {
			case "id":
				f.id, lastID = value, value
			case "event":
				f.kind = value
			case "data":
				f.data = value
			}
		}
		if f.lastID = lastID; f.data != "" {
			shown = append(shown, f)
		}
	}
}

// of answers the frames of one type.
func (r *reader) of(kind string) []frame {
	var out []frame
	all, _ := r.frames()
	for _, f := range all {
		if f.kind == kind {
			out = append(out, f)
		}
	}
	return out
}

// until waits for what the reader has to show in the end, at most ten seconds.
func (r *reader) until(t testing.TB, ok func() bool) {
	t.Helper()
	patience, again := time.NewTimer(10*time.Second), time.NewTicker(5*time.Millisecond)
	defer patience.Stop()
	defer again.Stop()
	for !ok() {
		select {
		case <-r.arrived:
		case <-again.C:
		case <-patience.C:
			text := r.text()
			require.FailNow(t, "not in time", "%d bytes, the last of them: %s", len(text), text[max(0, len(text)-600):])
		}
	}
}
