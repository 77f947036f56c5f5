package config

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

func TestRanges(t *testing.T) {
	c, err := load(t, "http:\n  trusted_proxies: [10.0.0.0/8, 192.0.2.7, 'fd00::/8', '::1', '::ffff:198.51.100.0/120']\n  allow_from: 10.0.0.0/8, 192.168.0.0/16\napi: {listen: '127.0.0.1:9443', allow_from: [10.2.0.0/16]}\n", nil, nil)
	require.NoError(t, err)
	require.Equal(t, prefixes("10.0.0.0/8", "192.0.2.7/32", "fd00::/8", "::1/128", "198.51.100.0/24"), c.TrustedProxies)
	require.Equal(t, prefixes("10.0.0.0/8", "192.168.0.0/16"), c.AllowFrom)
	require.Equal(t, prefixes("10.2.0.0/16"), c.APIAllowFrom)
	require.Equal(t, "127.0.0.1:9443", c.APIListen)
	c, err = load(t, "", []string{"GUARDHOUSE_API_LISTEN=", "GUARDHOUSE_HTTP_TRUSTED_PROXIES="}, nil)
	require.NoError(t, err)
	require.Empty(t, c.APIListen)
	require.Empty(t, c.TrustedProxies)
}

// TestRangeRefusals: a start with a range that means something else than was typed is no start (threat P1).
func TestRangeRefusals(t *testing.T) {
	for value, says := range map[string]string{
		"0.0.0.0/0":                 "is every address",
		"::/0":                      "is every address",
		"::ffff:0.0.0.0/96":         "is every address",
		"10.0.0.1/8":                "wants 10.0.0.0/8 instead",
		"::ffff:0:0/90":             "reaches past IPv4",
		"10.0.0.0/33":               "wants address ranges",
		"10.0.0/8":                  "wants address ranges",
		"10.0.0.0/-1":               "wants address ranges",
		"10.0.0.0/08":               "wants address ranges",
		"010.0.0.0/8":               "wants address ranges",
		"fe80::1%eth0":              "wants address ranges",
		"fe80::%eth0/64":            "wants address ranges",
		"proxy.example":             "wants address ranges",
		"*":                         "wants address ranges",
		"10.0.0.1:80":               "wants address ranges",
		"10.0.0.0/8 192.168.0.1":    "wants address ranges",
		"10.0.0.0/255.0.0.0":        "wants address ranges",
		"10.0.0.1-10.0.0.9":         "wants address ranges",
		strings.Repeat("::1,", 300): "at most 256",
	} {
		for _, key := range []string{"GUARDHOUSE_HTTP_TRUSTED_PROXIES", "GUARDHOUSE_HTTP_ALLOW_FROM", "GUARDHOUSE_API_ALLOW_FROM"} {
			_, err := load(t, "", []string{"GUARDHOUSE_API_LISTEN=127.0.0.1:9443", key + "=" + value}, nil)
			require.ErrorContains(t, err, says, "%s=%s", key, value)
		}
	}
}

func TestListeners(t *testing.T) {
	for name, c := range map[string]struct{ yaml, says string }{
		"ranges without a listener": {"api: {allow_from: [10.0.0.0/8]}", "needs api.listen"},
		"the same address":          {"listen: 127.0.0.1:8443\napi: {listen: '127.0.0.1:8443'}", "the same address"},
		"plain off loopback":        {"http: {allow_plain_loopback: true}\napi: {listen: '0.0.0.0:8444'}", "(api.listen) is not a loopback"},
		"no port":                   {"api: {listen: 127.0.0.1}", "wants host:port"},
		"port too high":             {"api: {listen: '127.0.0.1:65536'}", "0 to 65535"},
		"no main listener":          {"listen: ''", "wants host:port"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, c.yaml, nil, nil)
			require.ErrorContains(t, err, c.says)
		})
	}
	_, err := load(t, "listen: 127.0.0.1:0\napi: {listen: '127.0.0.1:0'}", nil, nil)
	require.NoError(t, err, "two ports of the system's choice")
}

func TestHosts(t *testing.T) {
	c, err := load(t, "http: {trusted_hosts: [Guard.Example., xn--mnchen-3ya.example]}", nil, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"guard.example", "xn--mnchen-3ya.example"}, c.TrustedHosts)
	for _, name := range []string{"münchen.example", "https://guard.example", "guard.example:8443", "guard.example/ui", "*.example", "*", ".", "[::1]", "a b", strings.Repeat("a", 254)} {
		_, err := load(t, fmt.Sprintf("http: {trusted_hosts: [%q]}", name), nil, nil)
		require.ErrorContains(t, err, "http.trusted_hosts", name)
	}
}

// FuzzRanges: what is taken is exact, and IPv4 is always held as IPv4.
func FuzzRanges(f *testing.F) {
	for _, seed := range []string{"10.0.0.0/8", "::1", "::ffff:10.0.0.0/104", "fe80::%eth0/64", "0.0.0.0/0", "10.0.0.1/8", "1.2.3.4/32,::/1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := &Config{}
		if ranges(func(c *Config) *[]netip.Prefix { return &c.AllowFrom })(c, text) != nil {
			return
		}
		for _, p := range c.AllowFrom {
			if !p.IsValid() || p.Bits() == 0 || p.Masked() != p || p.Addr().Is4In6() || p.Addr().Zone() != "" {
				t.Fatalf("%q is taken as %s", text, p)
			}
			again, err := addressRange(p.String())
			if err != nil || again != p {
				t.Fatalf("%q reads back as %s: %v", p, again, err)
			}
		}
	})
}
