package outbound_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/forward/outbound"
)

func parse(t testing.TB, entries ...string) (out []outbound.Host) {
	t.Helper()
	for _, e := range entries {
		h, err := outbound.Parse(e)
		require.NoError(t, err, e)
		out = append(out, h)
	}
	return out
}

func TestParse(t *testing.T) {
	for entry, want := range map[string]outbound.Host{
		"Logs.Example.org.":            {Name: "logs.example.org"},
		"logs.example.org:6514":        {Name: "logs.example.org", Port: 6514},
		"10.0.0.7:514":                 {Name: "10.0.0.7", Port: 514},
		"[2001:DB8::1]:514":            {Name: "2001:db8::1", Port: 514},
		"siem.lan=10.0.0.0/8+fd00::/8": {Name: "siem.lan", Ranges: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}},
		"siem.lan:443=192.168.4.9":     {Name: "siem.lan", Port: 443, Ranges: []netip.Prefix{netip.MustParsePrefix("192.168.4.9/32")}},
		"::1":                          {Name: "::1"},
	} {
		h, err := outbound.Parse(entry)
		require.NoError(t, err, entry)
		require.Equal(t, want, h, entry)
	}
	for _, entry := range []string{"", "https://a", "a b", "a:0", "a:99999", "a=everything", "a=0.0.0.0/0", "a=10.0.0.1/8", "é.example", "a=", "*.example"} {
		_, err := outbound.Parse(entry)
		require.Error(t, err, entry)
	}
}

// dialed answers where a connection to address would have gone, "" where it was refused.
func dialed(t testing.TB, d outbound.Dialer, address string, leadsTo ...string) string {
	t.Helper()
	went := ""
	d.Lookup = func(context.Context, string) (out []netip.Addr, err error) {
		for _, a := range leadsTo {
			out = append(out, netip.MustParseAddr(a))
		}
		return out, nil
	}
	d.Connect = func(_ context.Context, _, to string) (net.Conn, error) {
		went = to
		one, other := net.Pipe()
		t.Cleanup(func() { _ = other.Close() })
		return one, nil
	}
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		require.Empty(t, went)
		return ""
	}
	require.NoError(t, conn.Close())
	return went
}

// threat P4
func TestANameThatLeadsElsewhereLeadsNowhere(t *testing.T) {
	d := outbound.Dialer{Hosts: parse(t, "hooks.example.org:443", "siem.lan=10.1.0.0/16", "10.9.9.9:514")}
	require.Equal(t, "93.184.216.34:443", dialed(t, d, "hooks.example.org:443", "93.184.216.34"))
	require.Equal(t, "93.184.216.34:443", dialed(t, d, "HOOKS.example.org.:443", "93.184.216.34"))
	require.Empty(t, dialed(t, d, "hooks.example.org:8443", "93.184.216.34"), "another port")
	require.Empty(t, dialed(t, d, "other.example.org:443", "93.184.216.34"), "another name")
	for _, a := range []string{
		"127.0.0.1", "::1", "169.254.169.254", "10.1.2.3", "192.168.0.1", "172.16.3.4", "0.0.0.0", "::", "fe80::1", "fd00::1", "224.0.0.1",
		"100.64.1.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::a00:1", "fec0::1", "192.88.99.1", "198.18.0.1",
	} {
		require.Empty(t, dialed(t, d, "hooks.example.org:443", a), a)
	}
	require.Equal(t, "93.184.216.34:443", dialed(t, d, "hooks.example.org:443", "127.0.0.1", "93.184.216.34"), "only what is permitted")
	require.Equal(t, "10.1.2.3:514", dialed(t, d, "siem.lan:514", "10.1.2.3"))
	require.Empty(t, dialed(t, d, "siem.lan:514", "127.0.0.1"))
	require.Empty(t, dialed(t, d, "siem.lan:514", "93.184.216.34"))
	require.Equal(t, "10.9.9.9:514", dialed(t, d, "10.9.9.9:514"))
	require.Equal(t, fault.Unprocessable, fault.CodeOf(d.Check("127.0.0.1:22")))
	require.Equal(t, fault.Invalid, fault.CodeOf(d.Check("nothing")))
}

// threat P4
func TestRedirectsAndProxiesAreNotFollowed(t *testing.T) {
	reached := false
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer inside.Close()
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inside.URL, http.StatusTemporaryRedirect)
	}))
	defer outside.Close()
	t.Setenv("HTTP_PROXY", inside.URL)
	t.Setenv("http_proxy", inside.URL)
	d := outbound.Dialer{Hosts: parse(t, strings.TrimPrefix(outside.URL, "http://"))}
	client := outbound.Client(d.Transport())
	resp, err := client.Post(outside.URL, "application/json", strings.NewReader("{}"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusTemporaryRedirect, resp.StatusCode)
	require.False(t, reached)
	_, err = client.Get(inside.URL) //nolint:bodyclose // there is none
	require.ErrorContains(t, err, "does not let the server connect there")
	require.False(t, reached)
}
