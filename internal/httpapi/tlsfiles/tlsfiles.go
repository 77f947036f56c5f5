// Package tlsfiles keeps the server's certificate: given files, reloaded when they change, or a leaf under a
// local authority made on first start and renewed by itself. It imports the standard library alone.
package tlsfiles

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
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
	seen    [2]digest  // of the given files, when they were loaded
	current atomic.Pointer[tls.Certificate]
}

// digest tells a replaced file from the one that was read. Size and time do not: a link that is turned to another folder
// may find a file of the same size and time there.
type digest [sha256.Size]byte

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
// authenticated encryption only. Session tickets are sealed with keys that never leave memory and change every day; each
// listener asks for settings of its own, so that a session begun at one is not resumed at another.
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

// loadGiven puts the given files in force if they are others than those in force. Between two renames, or while one of them
// is being written, they do not belong together: then the pair in force stays, and the next check finds them whole.
func (f *Files) loadGiven() error {
	cert, err := readBounded(f.o.Cert)
	if err != nil {
		return fmt.Errorf("reading the given certificate: %w", err)
	}
	key, err := readPrivate(f.o.Key)
	if err != nil {
		return err
	}
	now := [2]digest{sha256.Sum256(cert), sha256.Sum256(key)}
	if f.current.Load() != nil && now == f.seen {
		return nil
	}
	if !wholePEM(cert) || !wholePEM(key) {
		return errors.New("reading the certificate: a file of it ends in the middle, or holds more than PEM")
	}
	pair, err := parse(cert, key)
	if err != nil {
		return err
	}
	reloaded := f.current.Swap(pair) != nil
	f.seen = now
	end := pair.Leaf.NotAfter
	if f.o.Now().After(end) {
		f.o.Log.Warn("the given certificate has expired", slog.Time("not_after", end))
	}
	if reloaded {
		f.o.Log.Info("certificate replaced", slog.Time("not_after", end))
	}
	return nil
}

// wholePEM says that a file is blocks from its first to its last byte, comments before a block aside. A chain that is cut
// off inside its second block would else be served without it.
func wholePEM(data []byte) bool {
	blocks := 0
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return blocks > 0 && len(bytes.TrimSpace(data)) == 0
		}
		blocks, data = blocks+1, rest
	}
}

// load reads a pair of our own making, which stands in one file.
func load(name string) (*tls.Certificate, error) {
	both, err := readPrivate(name)
	if err != nil {
		return nil, err
	}
	return parse(both, both)
}

func parse(cert, key []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(cert, key)
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

// readPrivate reads a key file. It refuses one that others can read.
func readPrivate(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the private key: %w", err)
	}
	defer file.Close() //nolint:errcheck // read only
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the private key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others can read the private key %s: run chmod 600 on it", name)
	}
	return bounded(file)
}

// maxFile is far more than a key or the longest chain.
const maxFile = 1 << 20

func readBounded(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // read only
	return bounded(file)
}

func bounded(file *os.File) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", file.Name(), maxFile)
	}
	return data, err
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
