package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"

	"guardhouse/internal/fault"
)

// target is where requests go and how they are spelled.
type target struct {
	url     string
	address string
	tls     *tls.Config // nil = plain HTTP
	header  []byte      // the request up to the value of Content-Length
	request *http.Request
	timeout time.Duration
	dialect dialect
}

func newTarget(o Options) (*target, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, wrong("url", "--url wants an address such as https://localhost:8443")
	}
	d, err := newDialect(o)
	if err != nil {
		return nil, err
	}
	t := &target{url: o.URL, address: u.Host, timeout: o.Timeout, dialect: d, request: &http.Request{Method: http.MethodPost}}
	if u.Port() == "" {
		t.address = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	if u.Scheme == "https" {
		t.tls = &tls.Config{ServerName: u.Hostname(), RootCAs: o.Roots, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	}
	if strings.ContainsFunc(o.Key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, wrong("key-file", "the key holds characters that no key has")
	}
	header := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: guardhouse-bench\r\nAccept: application/json\r\nContent-Type: application/json\r\n",
		strings.TrimSuffix(u.EscapedPath(), "/")+d.path, u.Host)
	if o.Key != "" {
		header += "Authorization: Bearer " + o.Key + "\r\n"
	}
	t.header = []byte(header + "Content-Length: ")
	return t, nil
}

// explain says what a person does about a request that got no answer.
func (t *target) explain(err error) error {
	var (
		unknown  x509.UnknownAuthorityError
		name     x509.HostnameError
		invalid  x509.CertificateInvalidError
		noTLS    tls.RecordHeaderError
		network  net.Error
		dns      *net.DNSError
		unusable *unusableError
	)
	words := err.Error()
	switch {
	case errors.As(err, &unusable):
		words = "answered 200, but not as --api says: " + unusable.Error()
	case errors.As(err, &unknown):
		words = "its certificate comes from an authority that is not trusted here: give --ca FILE (Guardhouse's own is tls/ca.pem in its data folder)"
	case errors.As(err, &name):
		words = "its certificate is for another name: " + name.Error()
	case errors.As(err, &invalid):
		words = "its certificate is not good: " + invalid.Error()
	case errors.As(err, &noTLS):
		words = "it does not speak TLS: is it http:// ?"
	case errors.As(err, &dns):
		words = "no such host"
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &network) && network.Timeout()):
		words = fmt.Sprintf("no answer within %s (--timeout)", t.timeout)
	case errors.Is(err, errNotHTTP):
		words = errNotHTTP.Error()
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		words = "it closed the connection without an answer"
	}
	return fault.Wrap(err, fault.NotAvailable, t.url+": "+words)
}

// explainStatus says what a person does about an answer that is no verdict.
func (t *target) explainStatus(a answer) error {
	words := fmt.Sprintf("answered %d", a.status)
	switch a.status {
	case http.StatusUnauthorized:
		words = "does not take the key (401)"
	case http.StatusForbidden:
		words = "refuses this key's owner (403)"
	case http.StatusNotFound:
		words = "has no such route or model (404): are --api and --model right?"
	case http.StatusMisdirectedRequest:
		words = "does not answer under this host name (421)"
	}
	if a.said != "" {
		words += ": " + a.said
	}
	return fault.New(fault.NotAvailable, t.url+" "+words)
}

// said answers the words of a refusal: ours, OpenAI's, ollama's, or the first of a text.
func said(data []byte) string {
	text := string(data[:min(len(data), 4<<10)])
	var problem struct {
		Detail string
		Error  refusal
	}
	if err := decodeLoosely(data, &problem); err == nil {
		text = problem.Detail
		if text == "" {
			text = string(problem.Error)
		}
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if runes := []rune(text); len(runes) > 200 {
		text = string(runes[:200]) + "…"
	}
	return text
}
