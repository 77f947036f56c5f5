// Package health asks a server from outside whether it is well, as a container's or a balancer's check does.
package health

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Settings say where the server of a data folder is found and whom to trust.
type Settings struct {
	URL    string // another address than the folder's own; empty = its own
	Listen string
	Plain  bool   // plain HTTP on loopback
	Data   string // its authority, tls/ca.pem, is trusted
	Cert   string // the certificate that the server was given; empty = its own authority's
}

// Target is one server, and what its certificate has to be.
type Target struct {
	base  string
	roots *x509.CertPool
	name  string // the name that the certificate must carry
}

// Find answers the server of these settings. It refuses an address that nothing can be asked at, and a folder whose server has
// made no certificate yet.
func Find(s Settings) (Target, error) {
	if s.URL != "" {
		return elsewhere(s)
	}
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil || port == "0" {
		return Target{}, &AddressError{Address: s.Listen, Flag: "listen"}
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1" // the server answers there too, and an address passes whatever http.trusted_hosts says
	}
	address := net.JoinHostPort(host, port)
	if s.Plain {
		return Target{base: "http://" + address}, nil
	}
	t := Target{base: "https://" + address}
	if s.Cert != "" {
		return t.presenting(s.Cert)
	}
	t.roots, err = authority(s.Data)
	if err != nil {
		return Target{}, err
	}
	t.name = host
	return t, nil
}

// elsewhere takes the address as it was given; the folder's authority is trusted beside the system's, if there is one.
func elsewhere(s Settings) (Target, error) {
	u, err := url.Parse(s.URL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return Target{}, &AddressError{Address: s.URL, Flag: "url"}
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	ca, err := os.ReadFile(caFile(s.Data))
	if err == nil {
		roots.AppendCertsFromPEM(ca)
	} else if !errors.Is(err, os.ErrNotExist) {
		return Target{}, err
	}
	return Target{base: strings.TrimSuffix(s.URL, "/"), roots: roots, name: u.Hostname()}, nil
}

// presenting trusts exactly the certificate that the settings give the server, under the first name in it.
func (t Target) presenting(file string) (Target, error) {
	chain, err := os.ReadFile(file)
	if err != nil {
		return Target{}, err
	}
	block, _ := pem.Decode(chain)
	if block == nil {
		return Target{}, fmt.Errorf("%s holds no certificate", file)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return Target{}, fmt.Errorf("%s holds no certificate: %w", file, err)
	}
	t.roots = x509.NewCertPool()
	t.roots.AddCert(leaf)
	switch {
	case len(leaf.DNSNames) > 0:
		t.name = strings.Replace(leaf.DNSNames[0], "*", "any", 1)
	case len(leaf.IPAddresses) > 0:
		t.name = leaf.IPAddresses[0].String()
	default:
		return Target{}, fmt.Errorf("%s names no host", file)
	}
	return t, nil
}

func caFile(data string) string { return filepath.Join(data, "tls", "ca.pem") }

func authority(data string) (*x509.CertPool, error) {
	ca, err := os.ReadFile(caFile(data))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s: no server has started on this folder; give the right --data", caFile(data))
	}
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", caFile(data))
	}
	return roots, nil
}

// AddressError is an address that nothing can be asked at: the caller's to put right.
type AddressError struct{ Address, Flag string }

// Error says what is wanted instead.
func (e *AddressError) Error() string {
	if e.Flag == "listen" {
		return fmt.Sprintf("listen is %q, which is no fixed port: give --url https://HOST:PORT", e.Address)
	}
	return fmt.Sprintf("--url wants an address such as https://localhost:8443, not %q", e.Address)
}
