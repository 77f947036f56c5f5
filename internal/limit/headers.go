package limit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Headers are what a response says of its limits; "" is a header that is not sent. RateLimit-Policy and RateLimit are those of
// draft-ietf-httpapi-ratelimit-headers-11, lists in the form of RFC 9651: q and w say the quota and its seconds, r and t what
// is left and in how many seconds there is more. Retry-After is RFC 9110's, in seconds.
type Headers struct {
	Policy     string // RateLimit-Policy
	Limit      string // RateLimit
	RetryAfter string // Retry-After
}

// Headers renders the outcome: every claim with a limit, in order. Seconds are rounded up, so whoever obeys is not a moment
// early; Retry-After is at least 1, and is absent where waiting does not help.
func (o Outcome) Headers() Headers {
	var policies, limits []string
	for _, s := range o.Claims {
		if s.Limit == NoMax || s.Window == 0 {
			continue // only counted, or broken
		}
		name := quoted(s.Claim.Policy)
		policy := fmt.Sprintf("%s;q=%d;w=%d", name, min(s.Limit, mostInteger), seconds(s.Window))
		if q := s.Claim.Quota; q != nil && q.Unit != Requests {
			policy += fmt.Sprintf(`;qu="%s"`, q.Unit)
		}
		limit := fmt.Sprintf("%s;r=%d", name, min(s.Remaining, mostInteger))
		if s.Next > 0 {
			limit += fmt.Sprintf(";t=%d", seconds(s.Next))
		}
		policies, limits = append(policies, policy), append(limits, limit)
	}
	h := Headers{Policy: strings.Join(policies, ", "), Limit: strings.Join(limits, ", ")}
	if !o.Allowed && !o.Never {
		h.RetryAfter = strconv.FormatInt(max(1, seconds(o.Retry)), 10)
	}
	return h
}

// mostInteger is the largest number that a structured field holds (RFC 9651, 3.3.1).
const mostInteger = 999_999_999_999_999

// seconds answers d in whole seconds, rounded up.
func seconds(d time.Duration) int64 {
	s := int64(d / time.Second)
	if d%time.Second > 0 {
		s++
	}
	return s
}

// quoted answers a structured field's string (RFC 9651, 3.3.3), which holds printable ASCII: any other byte is written %XX.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
