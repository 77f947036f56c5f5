package httpapi_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi"
)

func ranges(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// threat P1: right to left, and only as far as trusted proxies vouch.
func TestClientAddress(t *testing.T) {
	trusted := ranges("10.0.0.0/8", "192.0.2.7/32", "fd00::/8", "::1/128")
	many := strings.Repeat("10.0.0.3,", 31)
	for name, c := range map[string]struct {
		peer  string
		lines []string
		want  string
	}{
		"a stranger's header counts for nothing":       {"203.0.113.9", []string{"10.0.0.1"}, "203.0.113.9"},
		"a stranger's chain too":                       {"203.0.113.9", []string{"198.51.100.1, 10.0.0.1"}, "203.0.113.9"},
		"a proxy without the header":                   {"10.0.0.1", nil, "10.0.0.1"},
		"a proxy with an empty one":                    {"10.0.0.1", []string{""}, "10.0.0.1"},
		"one hop":                                      {"10.0.0.1", []string{"198.51.100.1"}, "198.51.100.1"},
		"two proxies":                                  {"10.0.0.1", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		"what stands before the first stranger is his": {"10.0.0.1", []string{"1.1.1.1, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		"the whole chain is ours":                      {"10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"several lines are one list":                   {"10.0.0.1", []string{"1.1.1.1", "198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		"lines and members":                            {"10.0.0.1", []string{"1.1.1.1,198.51.100.1", "192.0.2.7 ,10.0.0.2"}, "198.51.100.1"},
		"empty members":                                {"10.0.0.1", []string{", 198.51.100.1, ,", "", "\t,10.0.0.2 , "}, "198.51.100.1"},
		"garbage from the client":                      {"10.0.0.1", []string{"localhost, 198.51.100.1"}, "198.51.100.1"},
		"garbage at the first hop":                     {"10.0.0.1", []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		"garbage behind a proxy":                       {"10.0.0.1", []string{"198.51.100.1, unix:, 10.0.0.2"}, "10.0.0.2"},
		"a port":                                       {"10.0.0.1", []string{"198.51.100.1:4711, 10.0.0.2:80"}, "198.51.100.1"},
		"a port that is none":                          {"10.0.0.1", []string{"198.51.100.1:99999"}, "10.0.0.1"},
		"a port that is a word":                        {"10.0.0.1", []string{"198.51.100.1:http"}, "10.0.0.1"},
		"an empty port":                                {"10.0.0.1", []string{"198.51.100.1:"}, "10.0.0.1"},
		"IPv6":                                         {"fd00::1", []string{"2001:db8::1, fd00::2"}, "2001:db8::1"},
		"IPv6 in brackets":                             {"fd00::1", []string{"[2001:db8::1], [fd00::2]:443"}, "2001:db8::1"},
		"IPv6 with a port":                             {"::1", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		"a zone":                                       {"::1", []string{"fe80::9%eth0"}, "fe80::9"},
		"a zone in brackets":                           {"::1", []string{"[fe80::9%eth0]:80"}, "fe80::9"},
		"IPv4 in brackets":                             {"10.0.0.1", []string{"[198.51.100.1]"}, "10.0.0.1"},
		"a bracket alone":                              {"10.0.0.1", []string{"[2001:db8::1"}, "10.0.0.1"},
		"quoted":                                       {"10.0.0.1", []string{`"198.51.100.1"`}, "10.0.0.1"},
		"for=":                                         {"10.0.0.1", []string{"for=198.51.100.1"}, "10.0.0.1"},
		"IPv4 in IPv6 clothing":                        {"10.0.0.1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"a proxy in IPv6 clothing":                     {"::ffff:10.0.0.1", []string{"198.51.100.1, ::ffff:10.0.0.2"}, "198.51.100.1"},
		"octal":                                        {"10.0.0.1", []string{"010.0.0.9"}, "10.0.0.1"},
		"hexadecimal":                                  {"10.0.0.1", []string{"0xC6336401"}, "10.0.0.1"},
		"nobody's address":                             {"10.0.0.1", []string{"0.0.0.0"}, "10.0.0.1"},
		"everybody's address":                          {"10.0.0.1", []string{"224.0.0.1"}, "10.0.0.1"},
		"broadcast":                                    {"10.0.0.1", []string{"255.255.255.255"}, "10.0.0.1"},
		"a very long member":                           {"10.0.0.1", []string{"fe80::1%" + strings.Repeat("a", 200)}, "10.0.0.1"},
		"32 hops":                                      {"10.0.0.1", []string{"198.51.100.1," + strings.TrimSuffix(many, ",")}, "198.51.100.1"},
		"33 hops":                                      {"10.0.0.1", []string{"198.51.100.1,10.0.0.9," + strings.TrimSuffix(many, ",")}, "10.0.0.9"},
		"as many empty members":                        {"10.0.0.1", []string{"198.51.100.1" + strings.Repeat(",", 32)}, "10.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{"X-Forwarded-For": c.lines, "Forwarded": {"for=9.9.9.9"}, "X-Real-Ip": {"9.9.9.9"}, "X-Client-Ip": {"9.9.9.9"}, "Cf-Connecting-Ip": {"9.9.9.9"}}
			peer := netip.MustParseAddr(c.peer).Unmap()
			require.Equal(t, c.want, httpapi.Client(trusted, peer, h).String())
			require.Equal(t, peer, httpapi.Client(nil, peer, h), "nobody is trusted until somebody is named")
		})
	}
	require.False(t, httpapi.Client(trusted, netip.Addr{}, http.Header{"X-Forwarded-For": {"10.0.0.1"}}).IsValid())
}

// FuzzForwardedFor: the answer is the peer, or an address that stands in the header with nothing but trusted ones after it.
func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{
		"", "198.51.100.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "[2001:db8::1]:80,10.0.0.1", "unknown,10.0.0.1", ",,,", "fe80::1%eth0", "::ffff:10.0.0.1",
		"10.0.0.1:80", "[::1", "\"10.0.0.1\"", strings.Repeat("10.0.0.1,", 40), "10.0.0.1\x00", "１0.0.0.1",
	} {
		f.Add("10.0.0.9", seed, "10.0.0.8")
		f.Add("203.0.113.1", seed, seed)
	}
	trusted := ranges("10.0.0.0/8")
	inside := trusted[0]
	f.Fuzz(func(t *testing.T, peer, first, second string) {
		p, err := netip.ParseAddr(peer)
		if err != nil {
			return
		}
		p = p.Unmap().WithZone("")
		got := httpapi.Client(trusted, p, http.Header{"X-Forwarded-For": {first, second}})
		switch {
		case !inside.Contains(p):
			require.Equal(t, p, got)
			return
		case got == p:
			return
		}
		require.True(t, got.IsValid() && got.Zone() == "" && !got.Is4In6())
		members := strings.Split(first+","+second, ",")
		for i := len(members) - 1; i >= 0; i-- {
			m := strings.Trim(members[i], " \t")
			if m == "" {
				continue
			}
			a := plainly(m)
			if a == got {
				return // everything after it was trusted
			}
			require.True(t, inside.Contains(a), "%q in %q: %s is believed behind it", m, members, got)
		}
		t.Fatalf("%s stands nowhere in %q", got, members)
	})
}

// plainly reads a member another way than the code under test does.
func plainly(m string) netip.Addr {
	for _, form := range []string{m, strings.Trim(m, "[]")} {
		if a, err := netip.ParseAddr(form); err == nil {
			return a.Unmap().WithZone("")
		}
	}
	if a, err := netip.ParseAddrPort(m); err == nil {
		return a.Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// behind is a server behind proxies in 10.0.0.0/8.
func behind(o *httpapi.Options, _ *httpapi.Deps) { o.TrustedProxies = ranges("10.0.0.0/8") }

// threat P1: rows have the resolved address, and nothing else that a proxy may send is read.
func TestBehindAProxy(t *testing.T) {
	b := newBench(t, behind)
	ask := func(peer string, header map[string]string) string {
		rows := b.newRows(func() {
			w := b.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"x"}`, peer: peer, header: header})
			require.Equal(t, http.StatusOK, w.Code, w.Body)
		})
		require.Len(t, rows, 1)
		return rows[0].IP
	}
	require.Equal(t, "198.51.100.1", ask("10.0.0.1", map[string]string{"X-Forwarded-For": "198.51.100.1"}))
	require.Equal(t, "203.0.113.9", ask("203.0.113.9", map[string]string{"X-Forwarded-For": "198.51.100.1"}))
	require.Equal(t, "10.0.0.1", ask("10.0.0.1", map[string]string{"Forwarded": "for=198.51.100.1", "X-Real-Ip": "198.51.100.1"}))

	forwarded := map[string]string{"X-Forwarded-For": "198.51.100.1"}
	for _, name := range []string{"X-Forwarded-Uri", "X-Forwarded-Path", "X-Original-Url", "X-Rewrite-Url", "X-Forwarded-Prefix"} {
		forwarded[name] = "/healthz"
	}
	for _, peer := range []string{"10.0.0.1", "203.0.113.9"} { // a trusted proxy is trusted with an address and nothing else
		require.Equal(t, http.StatusUnauthorized, b.do(call{method: "GET", path: "/api/v1/users", peer: peer, header: forwarded}).Code)
		for _, name := range []string{"X-Forwarded-Host", "X-Host", "X-Original-Host", "Forwarded"} {
			w := b.do(call{method: "GET", path: "/healthz", host: "evil", peer: peer, header: map[string]string{name: "localhost", "X-Forwarded-For": "::1"}})
			require.Equal(t, http.StatusMisdirectedRequest, w.Code, name)
		}
		w := b.do(call{method: "POST", path: "/login", body: signIn("rita"), peer: peer, header: merge(fromOwnPage(), map[string]string{"X-Forwarded-Proto": "http"})})
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.True(t, cookieOf(t, w).Secure, "no header takes Secure away")
		require.Equal(t, http.StatusMethodNotAllowed, b.do(call{method: "GET", path: "/login", peer: peer, header: map[string]string{"X-Http-Method-Override": "POST", "X-Http-Method": "POST"}}).Code)
	}
}

// TestAllowedAddresses: who is outside gets 403 by the resolved address, with a row where something was asked for.
func TestAllowedAddresses(t *testing.T) {
	b := newBench(t, behind, func(o *httpapi.Options, _ *httpapi.Deps) { o.AllowFrom = ranges("198.51.100.0/24", "192.0.2.1/32") })
	for name, c := range map[string]struct {
		peer, forwarded string
		status          int
	}{
		"inside":                      {"198.51.100.7", "", 200},
		"outside":                     {"203.0.113.9", "", 403},
		"outside, forged":             {"203.0.113.9", "198.51.100.7", 403},
		"inside through a proxy":      {"10.0.0.1", "198.51.100.7", 200},
		"outside through a proxy":     {"10.0.0.1", "203.0.113.9", 403},
		"forged through a proxy":      {"10.0.0.1", "198.51.100.7, 203.0.113.9", 403},
		"the proxy itself":            {"10.0.0.1", "", 403},
		"a proxy that writes garbage": {"10.0.0.1", "198.51.100.7, unknown", 403},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/healthz", "/ui/", "/api/v1/auth/me"} {
				header := map[string]string{}
				if c.forwarded != "" {
					header["X-Forwarded-For"] = c.forwarded
				}
				require.Equal(t, c.status, b.do(call{method: "GET", path: path, as: "rita", peer: c.peer, header: header}).Code, path)
			}
		})
	}
	for path, action := range map[string]string{moderations: "moderation.run", "/login": "auth.login", "/api/v1/keys": "key.own"} {
		rows := b.newRows(func() {
			require.Equal(t, 403, b.do(call{method: "POST", path: path, as: "rita", body: `{}`, peer: "203.0.113.9"}).Code)
		})
		require.Len(t, rows, 1, path)
		require.Equal(t, "deny address "+action+" 203.0.113.9 anonymous", fmt.Sprint(rows[0].Decision, " ", rows[0].Reason, " ", rows[0].Action, " ", rows[0].IP, " ", rows[0].Actor.Type))
	}
	require.Empty(t, b.newRows(func() { b.do(call{method: "GET", path: "/healthz", peer: "203.0.113.9"}) }))
}

// TestRequestsPerClient: through a proxy the bound on connections says nothing of the client; this one does.
func TestRequestsPerClient(t *testing.T) {
	b := newBench(t, behind)
	from := func(client string) int {
		return b.do(call{method: "GET", path: "/healthz", peer: "10.0.0.1", header: map[string]string{"X-Forwarded-For": client}}).Code
	}
	release := httpapi.HoldClients(b.server, netip.MustParseAddr("198.51.100.1"))
	require.Equal(t, http.StatusTooManyRequests, from("198.51.100.1"))
	require.Equal(t, http.StatusOK, from("198.51.100.2"), "nobody else is held up")
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/healthz", peer: "198.51.100.1"}).Code, "a direct connection is bounded as one")
	release()
	require.Equal(t, http.StatusOK, from("198.51.100.1"))
	require.Zero(t, b.server.Clients(), "every place is given back, and its memory")
	w := b.do(call{method: "GET", path: "/healthz", host: "evil", peer: "10.0.0.1"})
	require.Equal(t, http.StatusMisdirectedRequest, w.Code)
	require.Zero(t, b.server.Clients(), "after a refusal too")
}
