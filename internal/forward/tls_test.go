package forward_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/forward"
)

// newTLSReceiver answers the address of a receiver of syslog over TLS, its CA in PEM, and how many bytes it was sent.
func newTLSReceiver(t *testing.T, change func(*tls.Config)) (address, ca string, got *atomic.Int64) {
	t.Helper()
	server := httptest.NewTLSServer(nil) // for its certificate, which is of 127.0.0.1 and example.com
	server.Close()
	c := &tls.Config{Certificates: server.TLS.Certificates}
	if change != nil {
		change(c)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	got = &atomic.Int64{}
	go func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				secure := tls.Server(raw, c)
				n, _ := io.Copy(io.Discard, secure)
				got.Add(n)
				_ = secure.Close()
			}()
		}
	}()
	return l.Addr().String(), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})), got
}

// threat P4: nothing is sent to whoever is not the receiver, and what is wrong is named.
func TestWhoeverIsNotTheReceiverGetsNothing(t *testing.T) {
	address, ca, got := newTLSReceiver(t, nil)
	strict, strictCA, strictGot := newTLSReceiver(t, func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool() })
	old, oldCA, _ := newTLSReceiver(t, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 })
	plain := httptest.NewServer(nil) // what answers in clear
	t.Cleanup(plain.Close)
	h := newHouse(t, quick("127.0.0.1"))
	for label, c := range map[string]struct {
		address, name, ca, code string
	}{
		"good":               {address, "", ca, ""},
		"another name of it": {address, "example.com", ca, ""},
		"another name":       {address, "logs.example.org", ca, "tls_name"},
		"nobody vouches":     {address, "", "", "tls_untrusted"},
		"no certificate":     {strict, "", strictCA, "tls_failed"},
		"an old version":     {old, "", oldCA, "tls_failed"},
		"no TLS":             {plain.Listener.Addr().String(), "", ca, "tls_failed"},
	} {
		w := toSyslog(label, c.address)
		w.Transport, w.ServerName, w.CA = forward.TLS, c.name, c.ca
		before := got.Load()
		code, err := h.Test(t.Context(), system(), h.create(w).ID)
		require.NoError(t, err)
		require.Equal(t, c.code, code, label)
		if strings.HasPrefix(c.code, "tls") {
			require.Equal(t, before, got.Load(), label)
		}
	}
	require.Zero(t, strictGot.Load())
}
