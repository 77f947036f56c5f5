package tlsfiles_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/httpapi/tlsfiles"
)

func open(t *testing.T, o tlsfiles.Options) *tlsfiles.Files {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	f, err := tlsfiles.Open(o)
	require.NoError(t, err)
	return f
}

func leaf(t *testing.T, f *tlsfiles.Files) *x509.Certificate {
	t.Helper()
	c, err := f.Config().GetCertificate(nil)
	require.NoError(t, err)
	return c.Leaf
}

// trust answers the pool that a client makes of the CA file.
func trust(t *testing.T, f *tlsfiles.Files) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(f.CAFile())
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	return pool
}

func TestFirstStartMakesAuthorityAndLeaf(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	c := apptest.NewClock(time.Now())
	f := open(t, tlsfiles.Options{Dir: dir, Names: []string{"guard.example"}, Now: c.Now})
	require.False(t, f.Given())
	l := leaf(t, f)
	for _, host := range []string{"localhost", "guard.example", "127.0.0.1", "::1"} {
		_, err := l.Verify(x509.VerifyOptions{Roots: trust(t, f), DNSName: host, CurrentTime: c.Now()})
		require.NoError(t, err, host)
	}
	require.LessOrEqual(t, l.NotAfter.Sub(l.NotBefore), 397*24*time.Hour)
	require.Len(t, f.Fingerprint(), hex.EncodedLen(32))
	for _, key := range []string{"ca.key", "leaf.key"} {
		info, err := os.Stat(filepath.Join(dir, key))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), key)
	}
	pem, err := os.ReadFile(f.CAFile())
	require.NoError(t, err)
	require.NotContains(t, string(pem), "PRIVATE")

	again := open(t, tlsfiles.Options{Dir: dir, Names: []string{"guard.example"}, Now: c.Now})
	require.Equal(t, f.Fingerprint(), again.Fingerprint(), "a restart keeps the leaf")
}

func TestRenewal(t *testing.T) {
	dir := t.TempDir()
	c := apptest.NewClock(time.Now())
	f := open(t, tlsfiles.Options{Dir: dir, Now: c.Now})
	first, authority := f.Fingerprint(), trust(t, f)

	c.Advance(300 * 24 * time.Hour)
	require.NoError(t, f.Check())
	require.Equal(t, first, f.Fingerprint(), "300 days in it is still good")

	c.Advance(80 * 24 * time.Hour)
	require.NoError(t, f.Check())
	require.NotEqual(t, first, f.Fingerprint(), "17 days before its end it is renewed")
	_, err := leaf(t, f).Verify(x509.VerifyOptions{Roots: authority, DNSName: "localhost", CurrentTime: c.Now()})
	require.NoError(t, err, "the authority is the one that clients trust already")

	renewed := f.Fingerprint()
	f = open(t, tlsfiles.Options{Dir: dir, Now: c.Now, Names: []string{"new.name"}})
	require.NotEqual(t, renewed, f.Fingerprint(), "a new name needs a new leaf")
}

func TestKeysOthersCanReadAreRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, tlsfiles.Options{Dir: dir})
	for _, name := range []string{"ca.key", "leaf.key"} {
		require.NoError(t, os.Chmod(filepath.Join(dir, name), 0o640))
		_, err := tlsfiles.Open(tlsfiles.Options{Dir: dir})
		require.ErrorContains(t, err, "chmod 600", name)
		require.NoError(t, os.Chmod(filepath.Join(dir, name), 0o600))
	}
}

// given makes a pair as an operator would have it, and answers its files.
func given(t *testing.T) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	f := open(t, tlsfiles.Options{Dir: dir})
	require.NotEmpty(t, f.Fingerprint())
	return filepath.Join(dir, "leaf.key"), filepath.Join(dir, "leaf.key")
}

func TestGivenFiles(t *testing.T) {
	cert, key := given(t)
	f := open(t, tlsfiles.Options{Cert: cert, Key: key})
	require.True(t, f.Given())
	require.Empty(t, f.CAFile())
	before := f.Fingerprint()

	other, _ := given(t)
	data, err := os.ReadFile(other)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cert, data, 0o600))
	require.NoError(t, os.Chtimes(cert, time.Now(), time.Now().Add(time.Minute)))
	require.NoError(t, f.Check())
	require.NotEqual(t, before, f.Fingerprint(), "replaced files are loaded without a restart")

	after := f.Fingerprint()
	require.NoError(t, os.WriteFile(cert, []byte("half a fi"), 0o600))
	require.Error(t, f.Check())
	require.Equal(t, after, f.Fingerprint(), "a broken file leaves the certificate in force")

	_, err = tlsfiles.Open(tlsfiles.Options{Cert: cert})
	require.ErrorContains(t, err, "together")
}

// TestProtocols: nothing below TLS 1.2 and nothing without forward secrecy and authenticated encryption.
func TestProtocols(t *testing.T) {
	f := open(t, tlsfiles.Options{Dir: t.TempDir()})
	server, err := tls.Listen("tcp", "127.0.0.1:0", f.Config())
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			if s, ok := c.(*tls.Conn); ok {
				go func() { _ = s.HandshakeContext(context.Background()); _ = s.Close() }()
			}
		}
	}()
	dial := func(c *tls.Config) (tls.ConnectionState, error) {
		c.RootCAs, c.ServerName = trust(t, f), "localhost"
		d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 5 * time.Second}, Config: c}
		conn, err := d.DialContext(t.Context(), "tcp", server.Addr().String())
		if err != nil {
			return tls.ConnectionState{}, err
		}
		defer func() { _ = conn.Close() }()
		tc, ok := conn.(*tls.Conn)
		require.True(t, ok)
		return tc.ConnectionState(), nil
	}
	state, err := dial(&tls.Config{})
	require.NoError(t, err)
	require.Equal(t, uint16(tls.VersionTLS13), state.Version)
	state, err = dial(&tls.Config{MaxVersion: tls.VersionTLS12})
	require.NoError(t, err)
	require.Equal(t, uint16(tls.VersionTLS12), state.Version)
	_, err = dial(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	require.Error(t, err)
	_, err = dial(&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}})
	require.Error(t, err)
}

func TestWatchEnds(t *testing.T) {
	f := open(t, tlsfiles.Options{Dir: t.TempDir()})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.Watch(ctx) // answers because ctx is over; a hang fails the test by its own limit
}
