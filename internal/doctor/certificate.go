package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
	"time"
)

const (
	day = 24 * time.Hour
	// renewWithin is when an operator who has to ask somebody for a certificate should do so.
	renewWithin = 30 * day
)

// certificate reads the pair that the server would serve and prints what makes clients trust it.
func (d *doctor) certificate(context.Context) {
	const name = "certificate"
	if d.o.Plain {
		d.warn(name, "the server speaks plain HTTP on loopback", "leave http.allow_plain_loopback out unless something on this machine speaks TLS for it").as("certificate_plain")
		return
	}
	cert, key, given := d.o.Cert, d.o.Key, d.o.Cert != ""
	if !given {
		cert = filepath.Join(d.o.Data, "tls", "leaf.key") // the leaf and its key stand in one file
		key = cert
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !given:
		d.ok(name, "none yet: the server makes its own on its first start").as("certificate_none")
		return
	case err != nil:
		d.fail(name, "the certificate and its key cannot be used: "+err.Error(), d.mend(given)).as("certificate_unusable", "error", err.Error(), "own", own(given))
		return
	}
	leaf := pair.Leaf
	if leaf == nil {
		if leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			d.fail(name, "the certificate cannot be read: "+err.Error(), d.mend(given)).as("certificate_unusable", "error", err.Error(), "own", own(given))
			return
		}
	}
	d.validity(name, leaf, given)
}

// own is "yes" for the server's own certificate, as texts choose by it.
func own(given bool) string {
	if given {
		return "no"
	}
	return "yes"
}

func (d *doctor) mend(given bool) string {
	if given {
		return "correct tls.cert and tls.key: the server does not start with them"
	}
	return "move DATA/tls away and start the server: it makes new ones, which clients then have to trust anew"
}

func (d *doctor) validity(name string, leaf *x509.Certificate, given bool) {
	now := d.o.Now()
	names := strings.Join(namesOf(leaf), ", ")
	end, at := leaf.NotAfter.UTC().Format(time.DateOnly), leaf.NotAfter.UTC().Format(time.RFC3339)
	switch {
	case now.After(leaf.NotAfter):
		d.fail(name, "ended on "+end, d.renew(given)).as("certificate_ended", "at", at, "own", own(given))
	case now.Before(leaf.NotBefore):
		d.fail(name, "is good only from "+leaf.NotBefore.UTC().Format(time.DateTime), "set the clock, or wait").as("certificate_early", "at", leaf.NotBefore.UTC().Format(time.RFC3339))
	case given && leaf.NotAfter.Sub(now) < renewWithin:
		d.warn(name, fmt.Sprintf("ends on %s, in %d days", end, int(leaf.NotAfter.Sub(now)/day)), d.renew(given)).as("certificate_ends", "at", at, "days", int64(leaf.NotAfter.Sub(now)/day))
	case len(namesOf(leaf)) == 0:
		d.fail(name, "names no host", "use a certificate with subject alternative names: clients look at nothing else").as("certificate_nameless")
	default:
		d.add(Check{Name: name, Status: OK, Detail: "good until " + end + " for " + names, Notes: d.trust(leaf, given)}).as("certificate", "at", at, "names", names)
	}
}

func (d *doctor) renew(given bool) string {
	if given {
		return "put a new one in the place of tls.cert and tls.key: a running server takes it within half a minute"
	}
	return "start the server: it renews its own certificate"
}

func namesOf(leaf *x509.Certificate) []string {
	names := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// trust answers the lines that make clients trust the local authority; a given certificate brings its own.
func (d *doctor) trust(leaf *x509.Certificate, given bool) []string {
	if given || len(d.o.Ports) == 0 {
		return nil
	}
	ca := filepath.Join(d.o.Data, "tls", "ca.pem")
	if abs, err := filepath.Abs(ca); err == nil {
		ca = abs
	}
	url := "https://" + d.reachable(leaf) + "/healthz"
	return []string{
		"curl:   curl --cacert " + shell(ca) + " " + url,
		"Python: SSL_CERT_FILE=" + shell(ca) + "  (requests: REQUESTS_CA_BUNDLE=" + shell(ca) + ")",
		"Node:   NODE_EXTRA_CA_CERTS=" + shell(ca),
	}
}

// reachable answers a host that the certificate names and the main listener answers on.
func (d *doctor) reachable(leaf *x509.Certificate) string {
	host, port, err := net.SplitHostPort(d.o.Ports[0].Address)
	if err != nil {
		return d.o.Ports[0].Address
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) || leaf.VerifyHostname(host) != nil {
		host = namesOf(leaf)[0]
	}
	return net.JoinHostPort(host, port)
}

// shell quotes a file name for a shell, where it needs it.
func shell(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
