package tlsfiles_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi/tlsfiles"
)

// pair makes a certificate and its key in two files of a new folder, as renewal tools leave them.
func pair(t *testing.T) (cert, key []byte) {
	t.Helper()
	file, _ := given(t)
	both, err := os.ReadFile(file)
	require.NoError(t, err)
	k, rest := pem.Decode(both)
	require.Equal(t, "PRIVATE KEY", k.Type)
	return rest, pem.EncodeToMemory(k)
}

func write(t *testing.T, dir string, cert, key []byte) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tls.crt"), cert, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tls.key"), key, 0o600))
}

// TestSwapByLink: a link that is turned to another folder is noticed though size and time of the files are the same.
func TestSwapByLink(t *testing.T) {
	dir := t.TempDir()
	at := time.Now().Add(-time.Hour)
	for _, version := range []string{"one", "two"} {
		cert, key := pair(t)
		cert = append(cert, bytes.Repeat([]byte("\n"), 4096-len(cert))...)
		write(t, filepath.Join(dir, version), cert, key)
		for _, name := range []string{"tls.crt", "tls.key"} {
			require.NoError(t, os.Chtimes(filepath.Join(dir, version, name), at, at))
		}
	}
	require.NoError(t, os.Symlink("one", filepath.Join(dir, "now")))
	f := open(t, tlsfiles.Options{Cert: filepath.Join(dir, "now", "tls.crt"), Key: filepath.Join(dir, "now", "tls.key")})
	before := f.Fingerprint()
	require.NoError(t, f.Check())
	require.Equal(t, before, f.Fingerprint())

	require.NoError(t, os.Symlink("two", filepath.Join(dir, "next")))
	require.NoError(t, os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "now")))
	require.NoError(t, f.Check())
	require.NotEqual(t, before, f.Fingerprint())
}

// TestHalfWritten: whatever a writer has done so far, the pair in force stays until the new one is whole.
func TestHalfWritten(t *testing.T) {
	dir := t.TempDir()
	first, firstKey := pair(t)
	write(t, dir, first, firstKey)
	f := open(t, tlsfiles.Options{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")})
	before := f.Fingerprint()
	next, nextKey := pair(t)
	chain := append(bytes.Clone(next), first...) // a second block, as intermediates are
	for name, c := range map[string]struct{ cert, key []byte }{
		"only the certificate": {chain, firstKey},
		"only the key":         {first, nextKey},
		"empty":                {nil, nextKey},
		"half the certificate": {chain[:len(next)/2], nextKey},
		"half the chain":       {chain[:len(next)+len(first)/2], nextKey},
		"half the key":         {chain, nextKey[:len(nextKey)/2]},
		"something after it":   {append(bytes.Clone(chain), "oops"...), nextKey},
		"far too large":        {append(bytes.Clone(chain), make([]byte, 2<<20)...), nextKey},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, dir, c.cert, c.key)
			require.Error(t, f.Check())
			require.Equal(t, before, f.Fingerprint())
		})
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "tls.crt")))
	require.Error(t, f.Check(), "gone for a moment")
	require.Equal(t, before, f.Fingerprint())

	write(t, dir, chain, nextKey)
	require.NoError(t, os.Chmod(filepath.Join(dir, "tls.key"), 0o644))
	require.ErrorContains(t, f.Check(), "chmod 600")
	require.Equal(t, before, f.Fingerprint())
	require.NoError(t, os.Chmod(filepath.Join(dir, "tls.key"), 0o600))
	require.NoError(t, f.Check())
	require.NotEqual(t, before, f.Fingerprint())
	c, err := f.Config().GetCertificate(nil)
	require.NoError(t, err)
	require.Len(t, c.Certificate, 2, "the whole chain")
}

// TestExpiredIsSaid: a given certificate past its end is served, because whoever put it there may have no other, and said.
func TestExpiredIsSaid(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t)
	write(t, dir, cert, key)
	var said bytes.Buffer
	_, err := tlsfiles.Open(tlsfiles.Options{
		Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key"), Log: slog.New(slog.NewTextHandler(&said, nil)),
		Now: func() time.Time { return time.Now().Add(400 * 24 * time.Hour) },
	})
	require.NoError(t, err)
	require.Contains(t, said.String(), "has expired")
}

// TestOldConnectionsStay: replacing the certificate ends no connection, and the next one gets the new certificate.
func TestOldConnectionsStay(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t)
	write(t, dir, cert, key)
	f := open(t, tlsfiles.Options{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")})
	var lc net.ListenConfig
	plain, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := tls.NewListener(plain, f.Config())
	defer func() { require.NoError(t, server.Close()) }()
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go func() { // an echo
				b := make([]byte, 1)
				for {
					if _, err := c.Read(b); err != nil {
						_ = c.Close()
						return
					}
					_, _ = c.Write(b)
				}
			}()
		}
	}()
	cache := tls.NewLRUClientSessionCache(4)
	dial := func() *tls.Conn {
		d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, ClientSessionCache: cache}}
		c, err := d.DialContext(t.Context(), "tcp", server.Addr().String())
		require.NoError(t, err)
		tc, ok := c.(*tls.Conn)
		require.True(t, ok)
		t.Cleanup(func() { _ = tc.Close() })
		return tc
	}
	echo := func(c *tls.Conn) {
		_, err := c.Write([]byte("x"))
		require.NoError(t, err)
		_, err = c.Read(make([]byte, 1))
		require.NoError(t, err)
	}
	old := dial()
	echo(old)
	require.False(t, old.ConnectionState().DidResume)
	again := dial()
	echo(again)
	require.True(t, again.ConnectionState().DidResume, "a ticket of this listener is good here")

	next, nextKey := pair(t)
	write(t, dir, next, nextKey)
	require.NoError(t, f.Check())
	echo(old)
	cache = tls.NewLRUClientSessionCache(4)
	fresh := dial()
	echo(fresh)
	want, _ := pem.Decode(next)
	require.Equal(t, want.Bytes, fresh.ConnectionState().PeerCertificates[0].Raw)
}

// TestWatchKeepsLooking: a broken file is said at each look, and the whole one is served at the next, without anybody asking.
func TestWatchKeepsLooking(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t)
	next, nextKey := pair(t)
	write(t, dir, cert, key)
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		f, err := tlsfiles.Open(tlsfiles.Options{
			Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key"), Log: slog.New(slog.NewTextHandler(&said, nil)),
		})
		require.NoError(t, err)
		before := f.Fingerprint()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { f.Watch(ctx); close(done) }()
		look := func() { <-time.After(31 * time.Second); synctest.Wait() }

		write(t, dir, next[:len(next)/2], nextKey)
		look()
		require.Contains(t, said.String(), "certificate not replaced")
		require.Equal(t, before, f.Fingerprint())
		write(t, dir, next, nextKey)
		look()
		require.Contains(t, said.String(), "certificate replaced")
		require.NotEqual(t, before, f.Fingerprint())
		cancel()
		<-done
	})
}
