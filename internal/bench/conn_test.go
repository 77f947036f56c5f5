package bench

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func clientOf(t *testing.T, url string, timeout time.Duration) *client {
	t.Helper()
	o := Options{URL: url, API: Moderations, Texts: Generated(1), Timeout: timeout}
	target, err := newTarget(o)
	require.NoError(t, err)
	c := target.client(t.Context())
	t.Cleanup(c.close)
	return c
}

func TestOneConnectionForAllRequests(t *testing.T) {
	f := newFake(t, false)
	c := clientOf(t, f.URL, 10*time.Second)
	for range 50 {
		a, err := c.judge("x", nil)
		require.NoError(t, err)
		require.Equal(t, 200, a.status)
	}
	require.EqualValues(t, 1, f.connections.Load())
	require.Zero(t, c.reconnects)
}

func TestAConnectionThatTheServerClosedIsOpenedAnew(t *testing.T) {
	f := newFake(t, false)
	c := clientOf(t, f.URL, 10*time.Second)
	for range 3 {
		_, err := c.judge("x", nil)
		require.NoError(t, err)
		f.CloseClientConnections()
	}
	require.EqualValues(t, 3, f.connections.Load())
	require.EqualValues(t, 3, f.requests.Load())
}

func TestConnectionCloseIsObeyed(t *testing.T) {
	f := newFake(t, false)
	f.answer = func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Connection", "close")
		writeString(w, oneVerdict)
	}
	c := clientOf(t, f.URL, 10*time.Second)
	for range 3 {
		_, err := c.judge("x", nil)
		require.NoError(t, err)
	}
	require.Zero(t, c.reconnects, "that is no surprise")
}

func TestAnswersInPieces(t *testing.T) {
	f := newFake(t, false)
	f.answer = func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.WriteHeader(http.StatusEarlyHints)
		for part := range strings.SplitSeq(oneVerdict, ",") {
			if !strings.HasPrefix(part, "{") {
				part = "," + part
			}
			writeString(w, part)
			_ = http.NewResponseController(w).Flush()
		}
	}
	a, err := clientOf(t, f.URL, 10*time.Second).judge("x", nil)
	require.NoError(t, err)
	require.Equal(t, safe, a.label)
}

// Whatever a server sends, the client ends, soon and with bounded memory.
func TestHostileAnswers(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	for name, c := range map[string]struct {
		send string
		more bool // endlessly
		want error
	}{
		"bytes":              {send: "\x00\x01\x02\r\n\r\n", want: errNotHTTP},
		"another protocol":   {send: "SSH-2.0-OpenSSH_9\r\n", want: errNotHTTP},
		"nothing":            {send: "", want: io.EOF},
		"half a header":      {send: head, want: io.ErrUnexpectedEOF},
		"half a body":        {send: head + "Content-Length: 100\r\n\r\n{", want: io.ErrUnexpectedEOF},
		"a negative length":  {send: head + "Content-Length: -1\r\n\r\n{", want: errNotHTTP},
		"an endless header":  {send: head + "X: ", more: true, want: errTooLong},
		"an endless body":    {send: head + "\r\n", more: true, want: errTooLong},
		"endless early ones": {send: strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 1000), want: nil},
	} {
		t.Run(name, func(t *testing.T) {
			url := plain(t, func(conn net.Conn) {
				defer func() { _ = conn.Close() }()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
					return
				}
				_, err := io.WriteString(conn, c.send)
				for junk := strings.Repeat("x", 64<<10); err == nil && c.more; {
					_, err = io.WriteString(conn, junk)
				}
			})
			a, err := clientOf(t, url, 20*time.Second).judge("x", nil)
			if c.want == nil {
				require.True(t, err != nil || a.status != 200)
				return
			}
			require.True(t, errors.Is(err, c.want), "%v", err)
		})
	}
}

func TestRetryAfterForms(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"":                              -1,
		"0":                             0,
		"2":                             2 * time.Second,
		"0.5":                           500 * time.Millisecond,
		"-1":                            -1,
		"soon":                          -1,
		"1e99":                          -1,
		"NaN":                           -1,
		"Fri, 31 Dec 1999 23:59:59 GMT": 0,
	} {
		require.Equal(t, want, retryAfterOf(http.Header{"Retry-After": {text}}), text)
	}
	in := retryAfterOf(http.Header{"Retry-After": {time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)}})
	require.InDelta(t, 60, in.Seconds(), 2)
}
