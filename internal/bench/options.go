package bench

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"guardhouse/internal/fault"
)

// The bounds of a run. They stop typing errors, not people.
const (
	mostClients  = 4096
	mostRounds   = 1000
	longestRound = 24 * time.Hour
	mostRate     = 1e5
	mostDue      = 8e6 // texts of one round; nine million are distinct
)

func wrong(field, format string, args ...any) error {
	return fault.Newf(fault.Invalid, format, args...).WithField(field)
}

func (o *Options) check() error {
	for _, check := range []func() error{o.checkTarget, o.checkLoad, o.checkRequest} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (o *Options) checkTarget() error {
	if (o.URL == "") == (o.Self == nil) {
		return wrong("url", "either a server of our own is measured or the one at a URL")
	}
	if o.Self != nil {
		if o.Self.Starts < 1 || o.Self.Starts > mostRounds {
			return wrong("starts", "--starts wants 1 to %d, not %d", mostRounds, o.Self.Starts)
		}
		for _, pair := range o.Self.Set {
			name, _, ok := strings.Cut(pair, "=")
			if !ok || !strings.Contains(name, ".") || strings.ContainsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && r != '.' && r != '_' }) {
				return wrong("set", "a setting looks like engine.threads=1, not %q", pair)
			}
		}
		if o.API != Moderations && o.API != OpenAIModerations {
			return wrong("api", "Guardhouse itself offers --api %s and %s: give --url for %s", Moderations, OpenAIModerations, o.API)
		}
		return nil
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return wrong("url", "--url wants an address such as https://localhost:8443, not %q", o.URL)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return wrong("url", "--url takes no name, password, query or fragment: a key comes from --key-file")
	}
	if o.Key != "" && u.Scheme == "http" && !loopback(u.Hostname()) {
		return wrong("url", "a key is never sent in the clear to another machine: use https")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func (o *Options) checkLoad() error {
	switch {
	case len(o.Clients) == 0:
		return wrong("clients", "--clients wants numbers such as 1,4,16")
	case slices.ContainsFunc(o.Clients, func(n int) bool { return n < 1 || n > mostClients }):
		return wrong("clients", "--clients wants numbers from 1 to %d", mostClients)
	case o.Rounds < 0 || o.Rounds > mostRounds:
		return wrong("rounds", "--rounds wants 0 to %d, not %d", mostRounds, o.Rounds)
	case o.Rounds == 0 && o.Self == nil:
		return wrong("rounds", "without rounds there is nothing to measure at a URL")
	case o.Duration <= 0 || o.Duration > longestRound:
		return wrong("duration", "--duration wants more than 0 and at most %s, not %s", longestRound, o.Duration)
	case o.Requests < 0:
		return wrong("requests", "--requests wants 0 or more, not %d", o.Requests)
	case o.Warmup < 0 || o.Warmup > longestRound:
		return wrong("warmup", "--warmup wants 0 to %s, not %s", longestRound, o.Warmup)
	case o.Timeout <= 0 || o.Timeout > longestRound:
		return wrong("timeout", "--timeout wants more than 0 and at most %s, not %s", longestRound, o.Timeout)
	case o.Rate*o.Duration.Seconds() > mostDue:
		return wrong("rate", "--rate over --duration makes more than %d texts: there are not so many", int(mostDue))
	case o.Rate < 0 || o.Rate > mostRate || o.Rate != o.Rate:
		return wrong("rate", "--rate wants texts a second, up to %.0f", mostRate)
	}
	return nil
}

func (o *Options) checkRequest() error {
	if !slices.Contains(APIs(), o.API) {
		return wrong("api", "--api is one of %v, not %q", APIs(), o.API)
	}
	if o.Texts.at == nil {
		return wrong("texts", "there are no texts")
	}
	if o.MaxTok < 1 || o.MaxTok > 1<<16 {
		return wrong("max-tokens", "--max-tokens wants 1 to %d, not %d", 1<<16, o.MaxTok)
	}
	if o.Model == "" && o.API == Ollama {
		return wrong("model", "ollama wants --model: it has no default")
	}
	if o.Extra != "" {
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(o.Extra), &members); err != nil {
			return wrong("extra", "--extra wants a JSON object: %s", fmt.Sprint(err))
		}
	}
	return nil
}
