package tlsfiles

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// The files of the local authority and its leaf. Key and certificate stand in one file, so that a crash never leaves two
// that do not belong together; ca.pem is a copy of the authority's certificate alone, for those who are to trust it.
const (
	caPair   = "ca.key"
	caCert   = "ca.pem"
	leafPair = "leaf.key"
)

const (
	caLife = 3652 * day // 10 years
	// 397 days is the longest that browsers accept of a leaf.
	leafLife = 397 * day
	// renewBefore leaves a month in which a server that never restarts still renews in time.
	renewBefore = 30 * day
	// backdate lets clients whose clock is a little behind accept a fresh certificate.
	backdate = time.Hour
)

// keepLocal makes what is missing or near its end: the authority first, then the leaf under it.
func (f *Files) keepLocal() error {
	if err := os.MkdirAll(f.o.Dir, 0o700); err != nil {
		return fmt.Errorf("making the certificate folder: %w", err)
	}
	ca, err := f.authority()
	if err != nil {
		return err
	}
	names, addresses := f.own()
	pair, err := load(f.path(leafPair))
	switch {
	case err == nil && f.fresh(pair, ca, names, addresses):
		f.current.Store(pair)
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := f.issue(ca, names, addresses); err != nil {
		return err
	}
	if pair, err = load(f.path(leafPair)); err != nil {
		return err
	}
	f.current.Store(pair)
	f.o.Log.Info("certificate made", slog.Time("not_after", pair.Leaf.NotAfter))
	return nil
}

// fresh says that the leaf is this authority's, is good for another month and names this machine as it is now.
func (f *Files) fresh(pair, ca *tls.Certificate, names []string, addresses []net.IP) bool {
	now := f.o.Now()
	return pair.Leaf.CheckSignatureFrom(ca.Leaf) == nil && now.After(pair.Leaf.NotBefore) &&
		now.Add(renewBefore).Before(pair.Leaf.NotAfter) && covers(pair.Leaf, names, addresses)
}

// authority answers the local authority, and makes one if there is none or it is near its end.
func (f *Files) authority() (*tls.Certificate, error) {
	ca, err := load(f.path(caPair))
	switch {
	case err == nil && f.o.Now().Add(renewBefore).Before(ca.Leaf.NotAfter):
		return ca, f.publish(ca)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	now := f.o.Now()
	template := &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"Guardhouse"}, CommonName: "Guardhouse local authority of " + host},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(caLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if err := f.sign(template, nil, caPair); err != nil {
		return nil, err
	}
	if ca, err = load(f.path(caPair)); err != nil {
		return nil, err
	}
	return ca, f.publish(ca)
}

// publish keeps the copy of the authority's certificate that clients are given.
func (f *Files) publish(ca *tls.Certificate) error {
	want := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate[0]})
	if have, err := os.ReadFile(f.path(caCert)); err == nil && bytes.Equal(have, want) {
		return nil
	}
	return writeWhole(f.path(caCert), want, 0o644)
}

func (f *Files) issue(ca *tls.Certificate, names []string, addresses []net.IP) error {
	now := f.o.Now()
	end := now.Add(leafLife - backdate)
	if end.After(ca.Leaf.NotAfter) {
		end = ca.Leaf.NotAfter
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"Guardhouse"}, CommonName: names[0]},
		NotBefore: now.Add(-backdate), NotAfter: end, DNSNames: names, IPAddresses: addresses, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	return f.sign(template, ca, leafPair)
}

// sign makes a key and a certificate for it, signed by ca or, without one, by itself.
func (f *Files) sign(template *x509.Certificate, ca *tls.Certificate, name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return fmt.Errorf("making a serial number: %w", err)
	}
	parent, signer := template, crypto.PrivateKey(key)
	if ca != nil {
		parent, signer = ca.Leaf, ca.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return fmt.Errorf("signing a certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding a key: %w", err)
	}
	both := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	both = append(both, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	return writeWhole(f.path(name), both, 0o600)
}

// own answers what this machine is called and reached by, besides what the options add.
func (f *Files) own() (names []string, addresses []net.IP) {
	names = []string{"localhost"}
	host, err := os.Hostname()
	if err != nil {
		f.o.Log.Warn("this machine's name is unknown", slog.Any("error", err))
	}
	for _, name := range append([]string{host}, f.o.Names...) {
		if name != "" && net.ParseIP(name) == nil && isASCII(name) { // a certificate holds no other names
			names = append(names, strings.ToLower(name))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	addresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	found, err := net.InterfaceAddrs()
	if err != nil {
		f.o.Log.Warn("this machine's addresses are unknown", slog.Any("error", err))
	}
	for _, a := range found {
		if network, ok := a.(*net.IPNet); ok && network.IP.IsGlobalUnicast() {
			addresses = append(addresses, network.IP)
		}
	}
	return names, append(addresses, f.o.Addresses...)
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
