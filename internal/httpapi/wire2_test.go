package httpapi_test

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// frames is one HTTP/2 connection that sends whatever it is told to.
type frames struct {
	t *testing.T
	net.Conn
	next uint32
}

// Kinds of frames, flags and error codes (RFC 9113, 6 and 7).
const (
	frameHeaders, frameReset, frameSettings, frameGoAway = 1, 3, 4, 7
	endStream, endHeaders, acknowledged                  = 1, 4, 1
	protocolError, refusedStream, enhanceYourCalm        = 1, 7, 11
)

func (l *live) frames(t *testing.T) *frames {
	t.Helper()
	d := tls.Dialer{Config: &tls.Config{RootCAs: l.pool, NextProtos: []string{"h2"}}}
	conn, err := d.DialContext(t.Context(), "tcp", l.addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	f := &frames{t, conn, 1}
	_, err = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, f.send(frameSettings, 0, 0, nil))
	return f
}

func (f *frames) send(kind, flags byte, stream uint32, payload []byte) error {
	head := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	head = binary.BigEndian.AppendUint32(head, stream)
	_, err := f.Write(append(head, payload...))
	return err
}

// ask sends one request without a body, its fields as literals that nobody has to remember.
func (f *frames) ask(fields ...string) (stream uint32, err error) {
	var block []byte
	for i := 0; i < len(fields); i += 2 {
		block = append(block, 0, byte(len(fields[i])))
		block = append(block, fields[i]...)
		block = append(block, byte(len(fields[i+1])))
		block = append(block, fields[i+1]...)
	}
	stream = f.next
	f.next += 2
	return stream, f.send(frameHeaders, endStream|endHeaders, stream, block)
}

func get(path, authority string, more ...string) []string {
	return append([]string{":method", "GET", ":scheme", "https", ":path", path, ":authority", authority}, more...)
}

// read answers the next frame that is neither settings nor a window.
func (f *frames) read() (kind byte, stream uint32, payload []byte, err error) {
	for {
		require.NoError(f.t, f.SetReadDeadline(time.Now().Add(10*time.Second)))
		head := make([]byte, 9)
		if _, err := io.ReadFull(f, head); err != nil {
			return 0, 0, nil, err
		}
		payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(f, payload); err != nil {
			return 0, 0, nil, err
		}
		kind, stream = head[3], binary.BigEndian.Uint32(head[5:])
		if kind == frameSettings && head[4]&acknowledged == 0 {
			if err := f.send(frameSettings, acknowledged, 0, nil); err != nil {
				return 0, 0, nil, err
			}
		}
		if kind != frameSettings && kind != 8 {
			return kind, stream, payload, nil
		}
	}
}

// status answers the status of the next answer: an index of the static table, or a literal (RFC 7541, appendix A).
func (f *frames) status() string {
	kind, _, payload, err := f.read()
	require.NoError(f.t, err)
	switch {
	case kind == frameReset:
		return "reset"
	case kind == frameGoAway:
		return "gone"
	case kind != frameHeaders:
		return f.status()
	}
	indexed := map[byte]string{0x88: "200", 0x8d: "404", 0x8c: "400"}
	if s, ok := indexed[payload[0]]; ok {
		return s
	}
	return "another"
}

// TestAuthority: on HTTP/2 the authority is the host, and a Host header that names somebody else makes it nobody (threat P2).
func TestAuthority(t *testing.T) {
	l := newLive(t, nil)
	for name, c := range map[string]struct {
		fields []string
		want   string
	}{
		"ours":                   {get("/healthz", "localhost"), "200"},
		"ours, said twice":       {get("/healthz", "localhost", "host", "localhost"), "200"},
		"another":                {get("/healthz", "evil"), "another"},
		"ours, and another host": {get("/healthz", "localhost", "host", "evil"), "another"},
		"another, and our host":  {get("/healthz", "evil", "host", "localhost"), "another"},
		"our host alone":         {[]string{":method", "GET", ":scheme", "https", ":path", "/healthz", "host", "localhost"}, "200"},
		"another host alone":     {[]string{":method", "GET", ":scheme", "https", ":path", "/healthz", "host", "evil"}, "another"},
		"none":                   {[]string{":method", "GET", ":scheme", "https", ":path", "/healthz"}, "another"},
		"two":                    {get("/healthz", "localhost", ":authority", "evil"), "reset"},
		"two paths":              {get("/healthz", "localhost", ":path", "/api/v1/users"), "reset"},
		"a header of HTTP/1":     {get("/healthz", "localhost", "transfer-encoding", "chunked"), "400"},
		"an upper-case name":     {get("/healthz", "localhost", "X-A", "b"), "reset"},
		"two slashes":            {get("//evil/healthz", "localhost"), "404"},
		"a path without a slash": {get("healthz", "localhost"), "reset"},
		"escaped":                {get("/health%7a", "localhost"), "404"},
		"a line end in a value":  {get("/healthz", "localhost", "x-a", "b\r\nhost: evil"), "reset"},
	} {
		t.Run(name, func(t *testing.T) {
			f := l.frames(t)
			_, err := f.ask(c.fields...)
			require.NoError(t, err)
			require.Equal(t, c.want, f.status())
		})
	}
	require.NotContains(t, l.logs.String(), `"route":"/api/v1/users"`)
}

// TestRapidReset: a caller who asks and takes it back a thousand times has no more under way than one who waits, and is sent
// away; everybody else is served meanwhile.
func TestRapidReset(t *testing.T) {
	l := newLive(t, nil)
	in, wait := make(chan struct{}, 10_000), make(chan struct{})
	defer close(wait)
	l.server.AddDeaf("/deaf", in, wait)
	f := l.frames(t)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for range 2000 {
			stream, err := f.ask(get("/deaf", "localhost")...)
			if err != nil || f.send(frameReset, 0, stream, []byte{0, 0, 0, 8}) != nil {
				return
			}
		}
	}()
	var code uint32
	for code == 0 {
		kind, _, payload, err := f.read()
		require.NoError(t, err, "the server says why before it leaves")
		if kind == frameGoAway {
			code = binary.BigEndian.Uint32(payload[4:])
		}
	}
	require.EqualValues(t, enhanceYourCalm, code)
	<-sent
	require.LessOrEqual(t, len(in), 64)
	r, err := l.client.Do(l.request(t.Context(), "somebody else"))
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, http.StatusOK, r.StatusCode)
}

// TestStreamsPerConnection: the 65th request on a connection is refused while 64 are under way, and only that one.
func TestStreamsPerConnection(t *testing.T) {
	l := newLive(t, nil)
	in, wait := make(chan struct{}, 100), make(chan struct{})
	defer close(wait)
	l.server.AddDeaf("/deaf", in, wait)
	f := l.frames(t)
	for range 65 {
		_, err := f.ask(get("/deaf", "localhost")...)
		require.NoError(t, err)
	}
	kind, stream, payload, err := f.read()
	require.NoError(t, err)
	require.EqualValues(t, frameReset, kind)
	require.EqualValues(t, 65*2-1, stream)
	require.Contains(t, []uint32{refusedStream, protocolError}, binary.BigEndian.Uint32(payload))
	soon(t, func() bool { return len(in) == 64 })
}
