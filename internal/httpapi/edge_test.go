package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi"
)

// threat P2: what a request may be meant for, in every spelling.
func TestHostSpellings(t *testing.T) {
	b := newBench(t, func(o *httpapi.Options, _ *httpapi.Deps) {
		o.TrustedHosts = []string{"guard.example", "xn--mnchen-3ya.example"}
	})
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost:8443": true, "localhost.:8443": true, "localhost:": true, "guard.example.": true, "GUARD.EXAMPLE:443": true,
		"xn--mnchen-3ya.example": true, "XN--MNCHEN-3YA.example": true, "127.0.0.1": true, "10.0.0.7:443": true, "[2001:db8::1]:8443": true, "[::1]": true, "[::ffff:127.0.0.1]": true,
		"": false, ".": false, ":8443": false, "localhost..": false, ".localhost": false, "guard.example..": false, "x.guard.example": false, "guard.example.evil": false,
		"münchen.example": false, "xn--mnchen-3ya.example.evil": false, "localhost:http": false, "localhost:84430000": false, "localhost:-1": false, "localhost:8443:8443": false,
		"guard.example:443@evil": false, "evil@guard.example": false, "evil#guard.example": false, "guard.example/": false, "guard.example\\": false, " guard.example": false,
		"guard.example ": false, "guard.example\x00": false, "guard.example,evil": false, "[guard.example]": false, "[127.0.0.1]": false, "::1": false, "2001:db8::1": false, "[::1": false, "::1]": false,
		"[fe80::1%eth0]": false, "[fe80::1%25eth0]:1": false, "127.0.0.1.": false, "127.1": false, "0177.0.0.1": false, "2130706433": false, "０": false, "guard。example": false,
		"ɢuard.example": false, "guard.exampl\u0435": false, "localhos\u017f": false,
	} {
		require.Equal(t, want, b.server.Trusts(host), "%q", host)
		status := http.StatusMisdirectedRequest
		if want {
			status = http.StatusOK
		}
		r := httptest.NewRequest(http.MethodGet, "https://x/healthz", nil)
		r.Host = host
		w := httptest.NewRecorder()
		b.server.ServeHTTP(w, r)
		require.Equal(t, status, w.Code, "%q", host)
	}
	r := httptest.NewRequest(http.MethodGet, "https://localhost/healthz", nil)
	r.Header["Host"] = []string{"evil"} // HTTP/2: beside :authority
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	require.Equal(t, http.StatusMisdirectedRequest, w.Code)
}

// FuzzHost: what is trusted is an address or a name of ours, however it is spelled.
func FuzzHost(f *testing.F) {
	for _, seed := range []string{"localhost", "[::1]:1", "127.0.0.1:8443", "guard.example.", "evil", "a:b:c", "[", "[]", ":", "localhost:99999", "LOCALHOST.:1", "[localhost]"} {
		f.Add(seed)
	}
	b := newBench(f)
	ours := []string{"localhost", "guard.example", "ward-server"}
	f.Fuzz(func(t *testing.T, host string) {
		if !b.server.Trusts(host) {
			return
		}
		name := host
		if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
			require.Empty(t, strings.Trim(host[i+1:], "0123456789"), "%q", host)
			name = host[:i]
		}
		if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")); err == nil {
			require.Empty(t, a.Zone())
			return
		}
		require.Contains(t, ours, strings.ToLower(strings.TrimSuffix(name, ".")), "%q", host)
	})
}

// variants are other spellings of a path that some server somewhere takes for the same one.
func variants(p string) []string {
	last := strings.LastIndexByte(p, '/')
	first := p[1:2]
	encoded := "/%" + hex(p[1]) + p[2:]
	out := []string{
		"/" + p, p + "/", p + "//", "/." + p, "/x/.." + p, "/%2e" + p, "/%2e%2e" + p, "/..;" + p, "//localhost" + p,
		p + "/.", p + "/..", p + "/../" + p[last+1:], p + "/%2e", p + ";x=1", p + ";", p + "%3b", p + "%3Bx", p + "%00", p + "%00.json", p + "%20", p + "%0a", p + "%0d%0a",
		p + "%09", p + ".json", p + "%2f", p + "%2F", p + "%5c", p + "%25", p + "%2500", p + "%c0%af", p + "%ff", encoded, "/%25" + hex(p[1]) + p[2:],
		p[:last] + "%2f" + p[last+1:], p[:last] + "%5c" + p[last+1:], p[:last] + "//" + p[last+1:], p[:last] + "/./" + p[last+1:], p[:last] + "/x/../" + p[last+1:],
		p[:last] + "/%2e/" + p[last+1:], p[:last] + "/x/%2e%2e/" + p[last+1:], p[:last] + "%252f" + p[last+1:], p[:last] + "/\\" + p[last+1:], p[:last] + `\` + p[last+1:],
		strings.ToUpper(p), "/" + strings.ToUpper(first) + p[2:], p[:len(p)-1] + strings.ToUpper(p[len(p)-1:]), "/ui/.." + p, "/ui/%2e%2e" + p, "/ui//.." + p,
	}
	return out
}

func hex(c byte) string { return string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]) }

// threat Z2: one spelling of each path is decided on and served; every other one is 404, on every listener, for an admin too.
func TestPathVariantsOnEveryListener(t *testing.T) {
	paths := []string{"/healthz", "/readyz", "/metrics", "/users", "/login", "/api/audit", "/v1/models", "/v1/moderations", "/api/v1/users", "/api/v1/auth/me", "/api/v1/audit/events", "/api/v1/setup"}
	for _, surface := range []httpapi.Surface{httpapi.Everything, httpapi.Console, httpapi.Programs} {
		b := newBench(t, func(o *httpapi.Options, _ *httpapi.Deps) { o.Surface = surface })
		for _, p := range paths {
			for _, v := range variants(p) {
				if v == p {
					continue
				}
				for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
					r := httptest.NewRequest(method, "https://localhost/", nil)
					u, err := url.ParseRequestURI(v)
					if err != nil {
						continue // net/http answers 400 before anybody here sees it
					}
					r.URL, r.RequestURI = u, v
					r.Header.Set("Authorization", "Bearer "+b.keys["alice"])
					w := httptest.NewRecorder()
					b.server.ServeHTTP(w, r)
					require.Equal(t, http.StatusNotFound, w.Code, "%d %s %s", surface, method, v)
				}
			}
		}
	}
}

// FuzzPath: a path that passes is its own shortest spelling, byte for byte.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/", "/ui/", "/v1/models", "//", "/../x", "/a/./b", "/a;b", "/a\\b", "/a%2fb", "*", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if !httpapi.PlainPath(p) {
			return
		}
		require.NotContains(t, p, "//")
		require.False(t, strings.ContainsAny(p, "\\;% \t\r\n\x00\x7f"), "%q", p)
		for _, segment := range strings.Split(p, "/") {
			require.False(t, (segment == "." || segment == "..") && strings.HasPrefix(p, "/"), "%q", p)
		}
	})
}

// threat A8: a cookie that stands once, as it was given, and nothing like it.
func TestCookieCredential(t *testing.T) {
	b := newBench(t)
	for header, want := range map[string]string{
		"__Host-gh=abc": "abc", "a=b; __Host-gh=abc; c=d": "abc", "__Host-gh=": "", "__Host-gh": "", "": "",
		"__Host-gh=abc; __Host-gh=abc": "", "__Host-gh=abc; __Host-gh=def": "", `__Host-gh="abc"`: "", "__host-gh=abc": "", "gh=abc": "", "__Host-gh2=abc": "",
		"__Host-gh =abc": "abc", "$Version=1; __Host-gh=abc": "abc", "__Host-gh=a\tb": "", "__Host-gh=a\x00b": "",
	} {
		r := httptest.NewRequest(http.MethodGet, "https://localhost/", nil)
		r.Header.Set("Cookie", header)
		require.Equal(t, want, b.server.CookieCredential(r), "%q", header)
		r.Header.Set("Authorization", "")
		require.Empty(t, b.server.CookieCredential(r), "Authorization hides it")
	}
	r := httptest.NewRequest(http.MethodGet, "https://localhost/", nil)
	r.Header["Cookie"] = []string{"__Host-gh=abc", "__Host-gh=def"}
	require.Empty(t, b.server.CookieCredential(r), "two lines")
}

// FuzzCookie: what is taken stands in the header, once.
func FuzzCookie(f *testing.F) {
	for _, seed := range []string{"__Host-gh=abc", "__Host-gh=a; __Host-gh=b", `__Host-gh="a"`, ";;;", "=", "__Host-gh=a\x00b", "__Host-gh=\xff"} {
		f.Add(seed, "")
	}
	b := newBench(f)
	f.Fuzz(func(t *testing.T, first, second string) {
		r := httptest.NewRequest(http.MethodGet, "https://localhost/", nil)
		r.Header["Cookie"] = []string{first, second}
		got := b.server.CookieCredential(r)
		if got == "" {
			return
		}
		require.Contains(t, first+";"+second, "="+got)
		require.False(t, strings.ContainsAny(got, "\";\\\r\n"), "%q", got)
		r.Header["Cookie"] = append(r.Header["Cookie"], "__Host-gh=x")
		require.Empty(t, b.server.CookieCredential(r), "with another beside it there is none")
	})
}
