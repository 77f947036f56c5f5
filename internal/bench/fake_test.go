package bench

import (
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fake answers verdicts as Guardhouse does and counts what it saw.
type fake struct {
	*httptest.Server
	connections, requests atomic.Int64
	mu                    sync.Mutex
	texts                 []string
	answer                func(w http.ResponseWriter, r *http.Request, text string) // nil = a verdict
}

const oneVerdict = `{"severity":"Safe","cached":false,"timings":{"queue_ms":0.5,"model_ms":2,"total_ms":3,"prompt_tokens":57}}`

func newFake(t *testing.T, tls bool) *fake {
	t.Helper()
	f := &fake{}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			f.connections.Add(1)
		}
	}
	if tls {
		f.StartTLS()
	} else {
		f.Start()
	}
	t.Cleanup(f.Close)
	return f
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	var body struct{ Input string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.requests.Add(1)
	f.mu.Lock()
	f.texts = append(f.texts, body.Input)
	f.mu.Unlock()
	if f.answer != nil {
		f.answer(w, r, body.Input)
		return
	}
	writeString(w, oneVerdict)
}

func writeString(w http.ResponseWriter, s string) { _, _ = w.Write([]byte(s)) }

// options measures f shortly.
func (f *fake) options(t *testing.T) Options {
	t.Helper()
	o := Options{
		URL: f.URL, API: Moderations, Texts: Generated(1), Clients: []int{1}, Rounds: 1, Requests: 5, Duration: time.Minute, Timeout: 20 * time.Second, MaxTok: 12,
	}
	if cert := f.Certificate(); cert != nil {
		o.Roots = x509.NewCertPool()
		o.Roots.AddCert(cert)
	}
	return o
}

func run(t *testing.T, o Options) *Report {
	t.Helper()
	r, err := Run(t.Context(), o)
	require.NoError(t, err)
	return r
}

// plain is a server of bytes: each connection gets answer, whatever it asks.
func plain(t *testing.T, answer func(c net.Conn)) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	done := make(chan struct{})
	var mu sync.Mutex
	var open []net.Conn
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			all.Go(func() { answer(c) })
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return "http://" + l.Addr().String()
}
