package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// maxAnswer bounds what one answer may hold, its headers included.
const maxAnswer = 8 << 20

var (
	errTooLong = errors.New("the answer is longer than 8 MiB")
	errNotHTTP = errors.New("what came back is not HTTP")
)

// client is one keep-alive connection with one request in flight. Go's own client starts two goroutines for each connection and
// takes more of a core than a remembered verdict does on the server; this one writes and reads in its caller's goroutine.
type client struct {
	target *target
	ctx    context.Context //nolint:containedctx // the connection lives as long as the client, and ends with this context
	nc     net.Conn
	in     *bufio.Reader
	left   int64 // bytes that the answer may still take
	used   bool  // a request was answered on nc
	out    []byte
	data   []byte
	undo   func() bool

	reconnects int
}

// client answers a client that is not connected yet. When ctx ends, whatever it waits for ends at once.
func (t *target) client(ctx context.Context) *client { return &client{target: t, ctx: ctx} }

// Read hands out the connection's bytes, up to what one answer may hold.
func (c *client) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooLong
	}
	n, err := c.nc.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

func (c *client) connect() error {
	if c.nc != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.target.timeout)
	defer cancel()
	var dialer net.Dialer
	nc, err := dialer.DialContext(ctx, "tcp", c.target.address)
	if err != nil {
		return err
	}
	if c.target.tls != nil {
		secured := tls.Client(nc, c.target.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			return errors.Join(err, nc.Close())
		}
		nc = secured
	}
	c.nc, c.used = nc, false
	if c.in == nil {
		c.in = bufio.NewReaderSize(c, 8<<10)
	}
	c.in.Reset(c)
	c.undo = context.AfterFunc(c.ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	return nil
}

func (c *client) close() {
	if c.nc == nil {
		return
	}
	c.undo()
	_ = c.nc.Close() // nothing of an answer can be lost any more
	c.nc = nil
}

// post sends one body and answers status, Retry-After (-1 = none) and the answer's bytes, which the next call overwrites. A kept
// connection that the server has closed meanwhile is opened anew, once; nobody calls that an error.
func (c *client) post(body []byte) (status int, retryAfter time.Duration, data []byte, err error) {
	for {
		if err := c.connect(); err != nil {
			return 0, 0, nil, err
		}
		again := c.used
		err := c.begin(body)
		if err == nil {
			return c.answer()
		}
		c.close()
		var timeout net.Error
		if c.ctx.Err() != nil {
			return 0, 0, nil, c.ctx.Err()
		}
		if !again || (errors.As(err, &timeout) && timeout.Timeout()) {
			return 0, 0, nil, err
		}
		c.reconnects++
	}
}

// begin writes the request and waits for the first byte of its answer.
func (c *client) begin(body []byte) error {
	if err := c.nc.SetDeadline(time.Now().Add(c.target.timeout)); err != nil {
		return err
	}
	if c.ctx.Err() != nil { // the deadline above may have overwritten the one that ends the wait
		return c.ctx.Err()
	}
	c.out = append(c.out[:0], c.target.header...)
	c.out = strconv.AppendInt(c.out, int64(len(body)), 10)
	c.out = append(c.out, "\r\n\r\n"...)
	c.out = append(c.out, body...)
	c.left = maxAnswer
	if _, err := c.nc.Write(c.out); err != nil {
		return err
	}
	_, err := c.in.Peek(1)
	return err
}

// answer reads one whole answer. A connection that can't be used again is closed.
func (c *client) answer() (status int, retryAfter time.Duration, data []byte, err error) {
	const mostInformational = 8
	var res *http.Response
	for range mostInformational {
		if res, err = http.ReadResponse(c.in, c.target.request); err != nil || res.StatusCode >= http.StatusOK {
			break
		}
	}
	if err != nil {
		c.close()
		return 0, 0, nil, notHTTP(err)
	}
	c.data, err = readAll(c.data[:0], res.Body)
	if closing := res.Body.Close(); err == nil {
		err = closing
	}
	if err != nil || res.Close || c.in.Buffered() > 0 {
		c.close()
	}
	if err != nil {
		return 0, 0, nil, err
	}
	c.used = true
	return res.StatusCode, retryAfterOf(res.Header), c.data, nil
}

// notHTTP keeps what the network said apart from bytes that are no HTTP.
func notHTTP(err error) error {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errTooLong) {
		return err
	}
	return errors.Join(errNotHTTP, err)
}

func readAll(dst []byte, r io.Reader) ([]byte, error) {
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if errors.Is(err, io.EOF) {
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
	}
}

// retryAfterOf reads seconds or a date; -1 where there is neither.
func retryAfterOf(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 && seconds < 1e6 {
		return time.Duration(seconds * float64(time.Second))
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return -1
}
