package forward

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"guardhouse/internal/fault"
	"guardhouse/internal/forward/syslog"
	"guardhouse/internal/forward/webhook"
)

// lookEvery is how often the targets are read: what another process changes is in force within a second.
const lookEvery = 500 * time.Millisecond

// running is a worker at work.
type running struct {
	version int64
	stop    context.CancelFunc
	ended   chan struct{}
}

// Run sends to every target until ctx ends, and waits for the workers. A target that is changed, paused or removed, by whichever
// process, has its worker ended and, where there is something to do, a new one.
func (s *Service) Run(ctx context.Context) {
	at := map[string]*running{}
	var all sync.WaitGroup
	defer all.Wait()
	sealed := false
	for failing := false; ; pause(ctx, lookEvery) {
		if ctx.Err() != nil {
			return
		}
		rows, err := s.rows(ctx)
		if err == nil && !sealed {
			err = s.sealAddresses(rows)
			sealed = err == nil
		}
		if err != nil {
			if ctx.Err() == nil && !failing {
				s.o.Log.Error("reading the forwarding targets", "err", err)
			}
			failing = true
			continue
		}
		failing = false
		s.endOthers(at, rows)
		for _, r := range rows {
			if at[r.ID] == nil && r.PausedAt == nil {
				s.begin(ctx, &all, at, r)
			}
		}
	}
}

// endOthers ends workers whose target is gone, paused or another one than it was. Nobody waits for one: a target's next worker
// begins at a look after the end of the one before.
func (s *Service) endOthers(at map[string]*running, rows []row) {
	wanted := map[string]int64{}
	for _, r := range rows {
		if r.PausedAt == nil {
			wanted[r.ID] = r.Version
		}
	}
	for id, w := range at {
		if version, ok := wanted[id]; !ok || version != w.version {
			w.stop()
		}
		select {
		case <-w.ended:
			delete(at, id)
		default:
		}
	}
	s.forget(rows)
}

func (s *Service) begin(ctx context.Context, all *sync.WaitGroup, at map[string]*running, r row) {
	// The one before may have moved the cursor after the targets were read.
	r, err := s.row(ctx, r.ID)
	if err != nil || r.PausedAt != nil {
		return // the next look sees what became of it
	}
	w, err := s.newWorker(r)
	if err != nil {
		if s.unread[r.ID] != r.Version { // said once, not at each look
			s.unread[r.ID] = r.Version
			s.o.Log.Error("a forwarding target cannot be read", "target", r.ID, "err", err)
		}
		return
	}
	own, stop := context.WithCancel(ctx)
	run := &running{version: r.Version, stop: stop, ended: make(chan struct{})}
	at[r.ID] = run
	all.Go(func() {
		defer close(run.ended)
		defer stop()
		w.run(own)
	})
}

// count notes what this process did for a target.
func (s *Service) count(id string, sent, failed int64, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.stats[id]
	c.sent += uint64(sent)
	c.failed += uint64(failed)
	c.err = code
	s.stats[id] = c
}

func (s *Service) forget(rows []row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := map[string]bool{}
	for _, r := range rows {
		there[r.ID] = true
	}
	for id := range s.stats {
		if !there[id] {
			delete(s.stats, id)
		}
	}
}

// codeOf names a failure in a word that tells nothing of the network but what an administrator needs.
func codeOf(err error) string {
	var status webhook.StatusError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert *net.OpError // TLS says so which side refused the other one
	var lookup *net.DNSError
	switch {
	case errors.As(err, &status):
		return "status_" + strconv.Itoa(status.Status)
	case errors.As(err, &unknown):
		return "tls_untrusted"
	case errors.As(err, &name):
		return "tls_name"
	case errors.As(err, &invalid), errors.As(err, &record), errors.As(err, &alert) && (alert.Op == "remote error" || alert.Op == "local error"):
		return "tls_failed"
	case errors.As(err, &lookup):
		return "not_found"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case fault.CodeOf(err) == fault.Unprocessable:
		return "not_permitted"
	}
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		return "timeout"
	}
	var handshake syslog.HandshakeError // a refusal may come as a mere end of the connection
	if errors.As(err, &handshake) {
		return "tls_failed"
	}
	return "broken"
}
