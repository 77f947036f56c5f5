package auth

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDeviceNames(t *testing.T) {
	for agent, want := range map[string]string{
		firefox: "Firefox on Windows",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":                                               "Chrome on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0":                       "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15":                               "Safari on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1":             "Safari on iOS",
		"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0 Mobile/15E148 Safari/604.1":                       "Chrome on iPadOS",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36":                               "Chrome on Android",
		"Mozilla/5.0 (Linux; Android 13; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36":          "Samsung Internet on Android",
		"Mozilla/5.0 (Linux; Android 12; HarmonyOS; ALN-AL00) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0 Mobile Safari/537.36 MicroMessenger/8.0.49": "WeChat on HarmonyOS",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":                                      "Chrome on ChromeOS",
		"Mozilla/5.0 (compatible)": "", "Mozilla/5.0 (Windows NT 6.1)": "Windows", "Mozilla/5.0 Firefox/130.0": "Firefox",
		"curl/8.4.0": "curl", "python-requests/2.31.0": "python-requests", "OpenAI/Python 1.51.0": "OpenAI/Python", "OpenAI/JS 4.67.1": "OpenAI/JS",
		"AsyncOpenAI/Python 1.51.0": "AsyncOpenAI/Python", "Go-http-client/2.0": "Go-http-client", "node": "node", "PostmanRuntime/7.39.0": "PostmanRuntime",
		"okhttp/4.12.0 extra": "okhttp", "": "", " ": "", "/": "", "é": "", "\x1b[2Jcurl": "", "curl\x1b[2J": "curl", "=HYPERLINK(1)": "", "-1+cmd|calc": "", "+49/x": "",
		"<script>alert(1)</script>": "", "a/b/c": "a/b/c", "test/1": "test", "x/": "x", strings.Repeat("a", 300): strings.Repeat("a", maxDevice),
	} {
		require.Equal(t, want, deviceName(agent), agent)
	}
}

func FuzzDeviceName(f *testing.F) {
	for _, seed := range []string{firefox, "", "curl/8.4.0", "OpenAI/Python 1", "Mozilla/5.0 (", "Mozilla/", "\x00", "a\u202Eb", strings.Repeat("Edg", 5000)} {
		f.Add(seed)
	}
	form := regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9 _.+/-]*)?$`)
	f.Fuzz(func(t *testing.T, agent string) {
		name := deviceName(agent)
		if len(name) > maxDevice || !form.MatchString(name) {
			t.Fatalf("%q from %q", name, agent)
		}
	})
}
