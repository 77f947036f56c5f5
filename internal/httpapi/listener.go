package httpapi

import (
	"crypto/tls"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
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
	allAddresses      = 8192
	// A browser or an SDK has a handful of requests under way at once.
	streamsPerConnection = 64
	pingAfter            = 30 * time.Second
	pingWithin           = 15 * time.Second
)

// NewHTTPServer answers a server with every bound set. Shutdown of it finishes what was accepted: it ends streams, and
// gives what is still being sent a short time (Server.Drain).
func NewHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		// Each answer gets its own, shorter time from when it is ready; this one ends requests that never answer.
		WriteTimeout:   defaultRequestTimeout + writeTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeader,
		// OPTIONS * is answered by our own chain like everything else.
		DisableGeneralOptionsHandler: true,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: streamsPerConnection,
			// A peer that is gone without a word is noticed though nothing is under way but a stream.
			SendPingTimeout: pingAfter, PingTimeout: pingWithin, WriteByteTimeout: writeTimeout,
		},
		// What strangers send that is not even HTTP is noise at any other level.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	silent := &silentConns{open: map[net.Conn]bool{}}
	s.ConnState = silent.note
	s.RegisterOnShutdown(func() { time.AfterFunc(drainGrace, silent.close) })
	if d, ok := h.(interface{ Drain() }); ok {
		s.RegisterOnShutdown(d.Drain)
	}
	return s
}

// silentConns are the connections that have not sent one whole header yet. A stop does not wait for them.
type silentConns struct {
	mu   sync.Mutex
	open map[net.Conn]bool
}

func (n *silentConns) note(c net.Conn, state http.ConnState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if state == http.StateNew {
		n.open[c] = true
		return
	}
	delete(n.open, c)
}

func (n *silentConns) close() {
	n.mu.Lock()
	left := slices.Collect(maps.Keys(n.open))
	n.mu.Unlock()
	for _, c := range left { // closing tells note
		_ = c.Close() // there is nobody to tell
	}
}

// Bounds says who may connect to a listener, and how. The zero value is plain HTTP, which is for loopback only, for
// everybody.
type Bounds struct {
	TLS            *tls.Config
	AllowFrom      []netip.Prefix // empty = everybody
	TrustedProxies []netip.Prefix // may connect whatever AllowFrom says: whom they speak for is looked at later
	Connections    int            // of everybody together, 0 = 8192
}

// networkShare: of all places one IPv6 network (/64), which may be a single machine or a whole floor, has at most one in four.
const networkShare = 4

// Listen closes at once, before it costs a handshake, what may not connect and what is over the number of connections that
// one address, one network or all of them may have. Trusted proxies have as many as there are for all.
func Listen(ln net.Listener, b Bounds) net.Listener {
	if b.Connections <= 0 {
		b.Connections = allAddresses
	}
	limited := &limitedListener{
		Listener: ln, allowed: b.AllowFrom, proxies: b.TrustedProxies,
		each: newCounter(perAddress), network: newCounter(max(1, b.Connections/networkShare)), all: newCounter(b.Connections),
	}
	if b.TLS == nil {
		return limited
	}
	return tls.NewListener(limited, b.TLS)
}

// limitedListener closes connections that are refused: the peer sees it, and there is nobody else to tell.
type limitedListener struct {
	net.Listener
	allowed, proxies   prefixes
	each, network, all *counter
}

// Accept answers the next connection within the bounds.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if done, ok := l.admit(peerAddress(conn.RemoteAddr().String())); ok {
			return &countedConn{Conn: conn, done: done}, nil
		}
		_ = conn.Close()
	}
}

// admit takes a place for peer; done gives it back.
func (l *limitedListener) admit(peer netip.Addr) (done func(), ok bool) {
	proxy := l.proxies.holds(peer)
	if !proxy && len(l.allowed) > 0 && !l.allowed.holds(peer) {
		return nil, false
	}
	var everybody netip.Addr
	places := []place{{l.all, everybody}}
	if !proxy {
		places = append(places, place{l.each, peer})
		if peer.Is6() {
			places = append(places, place{l.network, netip.PrefixFrom(peer, networkBits).Masked().Addr()})
		}
	}
	for i, p := range places {
		if !p.of.take(p.who) {
			giveAll(places[:i])
			return nil, false
		}
	}
	return func() { giveAll(places) }, true
}

// networkBits is how much of an IPv6 address names the network; the rest is the machine's own choice.
const networkBits = 64

// place is one that who takes of a count.
type place struct {
	of  *counter
	who netip.Addr
}

func giveAll(places []place) {
	for _, p := range places {
		p.of.give(p.who)
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
