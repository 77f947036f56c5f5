package httpapi

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Bounds on connections, before anything is known of who is at the other end (threats.md 3).
const (
	// net/http reads 4 KiB more than it is told before it refuses.
	maxHeader         = 16<<10 - 4<<10
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	idleTimeout       = 60 * time.Second
	perAddress        = 256
	// A browser or an SDK has a handful of requests under way at once.
	streamsPerConnection = 64
)

// NewHTTPServer answers a server with every bound set. Shutdown of it finishes what was accepted.
func NewHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		// Each answer gets its own, shorter time from when it is ready; this one ends requests that never answer.
		WriteTimeout:   defaultRequestTimeout + writeTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeader,
		// OPTIONS * is answered by our own chain like everything else.
		DisableGeneralOptionsHandler: true,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: streamsPerConnection},
		// What strangers send that is not even HTTP is noise at any other level.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// Listen bounds how many connections one address may have and, with a config, speaks TLS on them. nil means plain
// HTTP, which is for loopback only.
func Listen(ln net.Listener, config *tls.Config) net.Listener {
	limited := &limitedListener{Listener: ln, limit: perAddress, open: map[netip.Addr]int{}}
	if config == nil {
		return limited
	}
	return tls.NewListener(limited, config)
}

// limitedListener closes connections beyond the limit at once: they cost no handshake.
type limitedListener struct {
	net.Listener
	limit int

	mu   sync.Mutex
	open map[netip.Addr]int
}

// Accept answers the next connection within the limit.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer := peerOf(conn)
		if l.take(peer) {
			return &countedConn{Conn: conn, done: func() { l.give(peer) }}, nil
		}
		_ = conn.Close() // the peer sees it; there is nobody else to tell
	}
}

func peerOf(conn net.Conn) netip.Addr {
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

func (l *limitedListener) take(peer netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[peer] >= l.limit {
		return false
	}
	l.open[peer]++
	return true
}

func (l *limitedListener) give(peer netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[peer]--; l.open[peer] <= 0 {
		delete(l.open, peer)
	}
}

// countedConn gives its place back when it is closed, once.
type countedConn struct {
	net.Conn
	once sync.Once
	done func()
}

// Close closes the connection.
func (c *countedConn) Close() error {
	c.once.Do(c.done)
	return c.Conn.Close()
}
