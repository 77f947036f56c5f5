// Package tlsfiles keeps the server's certificate: given files, reloaded when they change, or a leaf under a
// local authority made on first start and renewed by itself. It imports the standard library alone.
package tlsfiles

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// recheck is how often files and dates are looked at: a certificate put in place by a renewal tool serves within it.
	recheck = 30 * time.Second
	day     = 24 * time.Hour
)

// Options says where the certificate comes from. Cert and Key are given files, both or none; without them Dir holds
// what is made here, for Names and Addresses besides this machine's own.
type Options struct {
	Dir       string
	Cert, Key string
	Names     []string
	Addresses []net.IP
	Now       func() time.Time
	Log       *slog.Logger // nil = slog.Default
}

// Files hands out the certificate in force. All methods may be called from any goroutine.
type Files struct {
	o       Options
	mu      sync.Mutex // one check at a time
	seen    [2]stamp   // of the given files, when they were loaded
	current atomic.Pointer[tls.Certificate]
}

// stamp tells a replaced file from the one that was read.
type stamp struct {
	size int64
	time time.Time
}

// Open loads the given files, or the local leaf, which it makes if there is none. It refuses one given file without
// the other, a pair that does not belong together, and a private key that others can read.
func Open(o Options) (*Files, error) {
	if (o.Cert == "") != (o.Key == "") {
		return nil, errors.New("tls.cert and tls.key must be given together")
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the clock, where none was handed in
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	f := &Files{o: o}
	return f, f.Check()
}

// Given says that the certificate is the operator's own.
func (f *Files) Given() bool { return f.o.Cert != "" }

// CAFile answers where the certificate lies that clients have to trust, "" with given files.
func (f *Files) CAFile() string {
	if f.Given() {
		return ""
	}
	return f.path(caCert)
}

// Fingerprint answers the SHA-256 of the certificate in force, in lower-case hex.
func (f *Files) Fingerprint() string {
	sum := sha256.Sum256(f.current.Load().Certificate[0])
	return hex.EncodeToString(sum[:])
}

// Config answers settings that always use the certificate in force: TLS 1.2 or newer, forward secrecy and
// authenticated encryption only.
func (f *Files) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{ // of TLS 1.2; those of 1.3 are all of this kind
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.current.Load(), nil },
	}
}

// Watch checks until ctx ends. A check that fails is logged and leaves the certificate in force.
func (f *Files) Watch(ctx context.Context) {
	ticker := time.NewTicker(recheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := f.Check(); err != nil {
				f.o.Log.ErrorContext(ctx, "certificate not replaced", slog.Any("error", err))
			}
		}
	}
}

// Check loads given files that changed, and renews the local leaf when it is near its end or does not name this
// machine any more. When it answers an error, the certificate in force stays.
func (f *Files) Check() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Given() {
		return f.loadGiven()
	}
	return f.keepLocal()
}

func (f *Files) loadGiven() error {
	var now [2]stamp
	for i, name := range []string{f.o.Cert, f.o.Key} {
		info, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("reading the given certificate: %w", err)
		}
		now[i] = stamp{info.Size(), info.ModTime()}
	}
	if f.current.Load() != nil && now == f.seen {
		return nil
	}
	pair, err := load(f.o.Cert, f.o.Key)
	if err != nil {
		return err
	}
	if end := pair.Leaf.NotAfter; f.o.Now().After(end) {
		f.o.Log.Warn("the given certificate has expired", slog.Time("not_after", end))
	}
	f.seen = now
	f.current.Store(pair)
	return nil
}

// load reads a pair. It refuses a key that others can read.
func load(certFile, keyFile string) (*tls.Certificate, error) {
	if err := private(keyFile); err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, fmt.Errorf("reading the certificate: %w", err)
		}
	}
	return &pair, nil
}

func private(keyFile string) error {
	info, err := os.Stat(keyFile)
	if err != nil {
		return fmt.Errorf("reading the private key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others can read the private key %s: run chmod 600 on it", keyFile)
	}
	return nil
}

func (f *Files) path(name string) string { return filepath.Join(f.o.Dir, name) }

// writeWhole puts data in place so that a crash leaves the old file or the new one.
func writeWhole(name string, data []byte, mode os.FileMode) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".tmp-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(name), err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("writing %s: %w", filepath.Base(name), err), os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

// covers says that the leaf stands for every name and address.
func covers(leaf *x509.Certificate, names []string, addresses []net.IP) bool {
	for _, name := range names {
		if !slices.Contains(leaf.DNSNames, name) {
			return false
		}
	}
	for _, want := range addresses {
		found := false
		for _, have := range leaf.IPAddresses {
			found = found || have.Equal(want)
		}
		if !found {
			return false
		}
	}
	return true
}
