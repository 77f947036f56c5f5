package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi"
)

// knock opens a listener with bounds and answers how many of n connections from here are let in.
func knock(t *testing.T, n int, bounds httpapi.Bounds) (in int) {
	t.Helper()
	var lc net.ListenConfig
	inner, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ln := httpapi.Listen(inner, bounds)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("x"))
			defer c.Close()
		}
	}()
	for range n {
		var d net.Dialer
		c, err := d.DialContext(t.Context(), "tcp", inner.Addr().String())
		require.NoError(t, err)
		defer c.Close()
		require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			in++
		}
	}
	require.NoError(t, ln.Close())
	<-done
	return in
}

// TestWhoMayConnect: strangers to the address ranges are closed before they cost a handshake; proxies are let in for those
// they speak for, and have no limit of their own.
func TestWhoMayConnect(t *testing.T) { // threat P1
	here, elsewhere := ranges("127.0.0.0/8"), ranges("10.0.0.0/8")
	require.Equal(t, 1, knock(t, 1, httpapi.Bounds{}))
	require.Equal(t, 1, knock(t, 1, httpapi.Bounds{AllowFrom: here}))
	require.Equal(t, 0, knock(t, 1, httpapi.Bounds{AllowFrom: elsewhere}))
	require.Equal(t, 0, knock(t, 1, httpapi.Bounds{AllowFrom: elsewhere, TrustedProxies: elsewhere}))
	require.Equal(t, 1, knock(t, 1, httpapi.Bounds{AllowFrom: elsewhere, TrustedProxies: here}))
	require.Equal(t, 256, knock(t, 300, httpapi.Bounds{}))
	require.Equal(t, 300, knock(t, 300, httpapi.Bounds{TrustedProxies: here}))
	require.Equal(t, 5, knock(t, 9, httpapi.Bounds{Connections: 5}))
	require.Equal(t, 5, knock(t, 9, httpapi.Bounds{Connections: 5, TrustedProxies: here}))
}

// exchangeRaw sends raw bytes and answers all that comes back until the server ends the connection.
func (l *live) exchangeRaw(send string) string {
	l.t.Helper()
	conn := l.dial()
	_, err := io.WriteString(conn, send)
	require.NoError(l.t, err)
	require.NoError(l.t, conn.SetReadDeadline(time.Now().Add(4*time.Second)))
	got, err := io.ReadAll(conn)
	require.NoError(l.t, err, "the server ends the connection: %q", got)
	return string(got)
}

func (l *live) head(method, path, more string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%s\r\n", method, path, l.keys["rita"], more)
}

// TestRefusalsDoNotWait: nobody is kept waiting for a body that nobody will read.
func TestRefusalsDoNotWait(t *testing.T) {
	l := newLive(t, nil)
	for name, c := range map[string]struct {
		send   string
		status string
	}{
		"no credential":       {"POST " + moderations + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n", "401"},
		"another host":        {"POST " + moderations + " HTTP/1.1\r\nHost: evil\r\nContent-Length: 100\r\n\r\n", "421"},
		"4 GB":                {l.head("POST", moderations, "Content-Length: 4294967296\r\n"), "413"}, // threat R1
		"over the limit":      {l.head("POST", moderations, "Content-Length: 1048577\r\n"), "413"},
		"packed":              {l.head("POST", moderations, "Content-Encoding: gzip\r\nContent-Length: 100\r\n"), "415"}, // threat R1
		"packed, in pieces":   {l.head("POST", moderations, "Content-Encoding: br\r\nTransfer-Encoding: chunked\r\n"), "415"},
		"cross-site":          {l.head("POST", moderations, "Sec-Fetch-Site: cross-site\r\nContent-Length: 100\r\n"), "403"},
		"an invited body":     {l.head("POST", moderations, "Expect: 100-continue\r\nContent-Length: 4294967296\r\n"), "413"},
		"another expectation": {l.head("POST", moderations, "Expect: the-inquisition\r\nContent-Length: 4294967296\r\n"), "417"},
		"a stranger's body":   {"POST " + moderations + " HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n", "401"}, // threat A8
		"basic, and a body":   {"POST " + moderations + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic eDp5\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", "401"},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			got := l.exchangeRaw(c.send)
			require.True(t, strings.HasPrefix(got, "HTTP/1.1 "+c.status+" "), got)
			require.NotContains(t, got, "100 Continue")
			require.Equal(t, 1, strings.Count(got, "HTTP/1.1"))
			require.Less(t, time.Since(began), 3*time.Second)
		})
	}
	conn := l.dial()
	_, err := fmt.Fprint(conn, l.head("POST", moderations, "Expect: 100-continue\r\nContent-Length: 13\r\n"))
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", line, "who may send it is asked for it")
	_, err = fmt.Fprint(conn, `{"input":"x"}`)
	require.NoError(t, err)
	_, err = r.ReadString('\n')
	require.NoError(t, err)
	res, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.False(t, res.Close, "a body that was read keeps the connection")
}

// TestTheAnswerOutlivesTheBody: who is still sending when he is refused finds the answer, and no connection reset under it.
func TestTheAnswerOutlivesTheBody(t *testing.T) {
	l := newLive(t, nil)
	const size = 200 << 10
	conn := l.dial()
	_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", moderations, size)
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n') // before any of the body was sent
	require.NoError(t, err)
	require.Contains(t, line, " 401 ")
	_, err = io.WriteString(conn, strings.Repeat("x", size))
	require.NoError(t, err)
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Contains(t, string(rest), "request_id")
}

// TestSmuggling: of two requests in one, at most one is answered, and the second never.
func TestSmuggling(t *testing.T) {
	l := newLive(t, nil)
	hidden := "GET /api/v1/users HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + l.keys["alice"] + "\r\n\r\n"
	body := `{"input":"x"}`
	for name, c := range map[string]struct{ headers, after string }{
		"length and chunks":           {"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + hidden},
		"chunks and length":           {"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", "0\r\n\r\n" + hidden},
		"whole chunks, then another":  {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) + hidden},
		"a space before the colon":    {"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n" + hidden},
		"a tab in the coding":         {"Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n" + hidden},
		"a coding nobody has":         {"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n", "0\r\n\r\n" + hidden},
		"identity":                    {"Transfer-Encoding: identity\r\nContent-Length: 5\r\n", "0\r\n\r\n" + hidden},
		"chunked twice":               {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + hidden},
		"chunked, then something":     {"Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n" + hidden},
		"two lengths":                 {"Content-Length: 0\r\nContent-Length: 13\r\n", body + hidden},
		"two lengths in one":          {"Content-Length: 0, 13\r\n", body + hidden},
		"a signed length":             {"Content-Length: +13\r\n", body + hidden},
		"a negative length":           {"Content-Length: -1\r\n", body + hidden},
		"a hexadecimal length":        {"Content-Length: 0xd\r\n", body + hidden},
		"an endless length":           {"Content-Length: 99999999999999999999\r\n", body + hidden},
		"a folded header":             {"X-A: b\r\n Transfer-Encoding: chunked\r\nContent-Length: 4294967296\r\n", hidden},
		"a chunk past all numbers":    {"Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n" + hidden},
		"a negative chunk":            {"Transfer-Encoding: chunked\r\n", "-1\r\n" + hidden},
		"a chunk with an X":           {"Transfer-Encoding: chunked\r\n", "0x0\r\n\r\n" + hidden},
		"a line feed for an end":      {"Transfer-Encoding: chunked\r\n", "0\n\n" + hidden},
		"a chunk that is longer":      {"Transfer-Encoding: chunked\r\n", "1\r\nxy\r\n0\r\n\r\n" + hidden},
		"a header that is no header":  {"GET /api/v1/users HTTP/1.1\r\nContent-Length: 0\r\n", hidden},
		"a carriage return in a name": {"X\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + hidden},
	} {
		t.Run(name, func(t *testing.T) {
			got := l.exchangeRaw(l.head("POST", moderations, c.headers) + c.after)
			require.Equal(t, 1, strings.Count(got, "HTTP/1.1 "), got)
			require.NotContains(t, got, `"items"`)
		})
	}
	require.NotContains(t, l.logs.String(), `"route":"/api/v1/users"`)
	require.NotContains(t, l.logs.String(), "panic")
}

// TestOldProtocolAndTargets: HTTP/1.0 without a host, several hosts, a target with another host in it.
func TestOldProtocolAndTargets(t *testing.T) { // threat P2
	l := newLive(t, nil)
	for send, want := range map[string]string{
		"GET /healthz HTTP/1.0\r\nHost:\r\n\r\n":                                            "421",
		"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n":                                  "200",
		"GET /healthz HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n":                       "421",
		"GET http://evil/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n":  "421",
		"GET https://localhost/healthz HTTP/1.1\r\nHost: evil\r\nConnection: close\r\n\r\n": "200", // RFC 9112, 3.2.2: the target's host is the host
		"GET //evil/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n":       "404",
		"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n":               "400",
		"GET /healthz HTTP/1.1\r\nHost: local host\r\n\r\n":                                 "400",
		"GET /healthz HTTP/1.1\r\nHost: localhost, evil\r\n\r\n":                            "400",
		"GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n":                                  "505",
		"GET /healthz HTTP/0.9\r\nHost: localhost\r\n\r\n":                                  "505",
		"GET /healthz\r\n\r\n": "400",
		"GET /api/v1/users\\..\\..\\healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n": "404",
	} {
		require.Contains(t, strings.SplitN(l.exchangeRaw(send), "\r\n", 2)[0], " "+want+" ", send)
	}
}

// TestProxyOnTheWire: the address that a proxy names reaches the row by a real connection too.
func TestProxyOnTheWire(t *testing.T) { // threat P1
	l := newLive(t, nil, func(o *httpapi.Options, _ *httpapi.Deps) {
		o.TrustedProxies, o.AllowFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, ranges("198.51.100.0/24")
	})
	ask := func(forwarded string) string {
		return l.exchangeRaw(l.head("POST", moderations, forwarded+"Connection: close\r\nContent-Length: 13\r\n") + `{"input":"x"}`)
	}
	require.Contains(t, ask("X-Forwarded-For: 203.0.113.1\r\nX-Forwarded-For: 198.51.100.4:5555, 127.0.0.1\r\n"), "HTTP/1.1 200 ")
	require.Equal(t, "198.51.100.4", l.rows()[len(l.rows())-1].IP)
	require.Contains(t, ask("X-Forwarded-For: 198.51.100.4, 203.0.113.1\r\n"), "HTTP/1.1 403 ")
	require.Equal(t, "203.0.113.1", l.rows()[len(l.rows())-1].IP)
	require.Contains(t, ask(""), "HTTP/1.1 403 ", "the proxy itself is not among those who are served")
}
