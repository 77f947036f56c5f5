// Package syslog writes audit rows as syslog messages (RFC 5424) and sends them over UDP, TCP with octet counting (RFC 6587)
// and TLS (RFC 5425). Everything that it writes is printable ASCII: no row can end a message early, start another one or
// reach a terminal (threat W3). It may import audit; it knows no target and no cursor.
package syslog

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"guardhouse/internal/audit"
)

// Bounds of a message in bytes. Every receiver takes the least (RFC 5425, 4.3.1), and a shortened row and a checkpoint fit into it;
// rsyslog takes 8192 unless it is told otherwise.
const (
	LeastBytes   = 2048
	MostBytes    = 64 << 10
	DefaultBytes = 8 << 10
	DefaultUDP   = 2048
)

// FacilityAudit is "log audit", and what a target has that names none.
const FacilityAudit = 13

// Severities of RFC 5424 that rows are sent with.
const (
	severityAlert   = 1
	severityWarning = 4
	severityNotice  = 5
	severityInfo    = 6
)

// dataID names the structured data. 32473 is the number that RFC 5612 leaves to everybody.
const dataID = "guardhouse@32473"

// Lengths that RFC 5424 gives the parts of a header.
const (
	maxHost  = 255
	maxMsgID = 32
)

// Encoder writes messages for one target. Host is this machine's name; Facility is 0 to 23; Max bounds a message.
type Encoder struct {
	Host     string
	Facility int
	Max      int
}

// Row answers the message of an audit row. Its text is the row in its published form, so that whoever receives it can compute
// the hash again. One that is longer than the bound is sent with what identifies it alone, and shortened="1".
func (e Encoder) Row(ev audit.Event) ([]byte, error) {
	raw, err := ev.MarshalJSON()
	if err != nil {
		return nil, err
	}
	data := []pair{
		{"id", ev.ID},
		{"seq", strconv.FormatInt(ev.Seq, 10)},
		{"hash", ev.Hash},
		{"prev", ev.PrevHash},
		{"decision", ev.Decision},
	}
	message := e.message(severityOf(ev), ev.At, ev.Action, data, raw)
	if len(message) <= e.bound() {
		return message, nil
	}
	short := shortened(ev)
	raw, err = short.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return e.cut(e.message(severityOf(ev), ev.At, ev.Action, append(data, pair{"shortened", "1"}), raw)), nil
}

// Note answers the message of a signed checkpoint: {"checkpoint": NOTE}, as in exports.
func (e Encoder) Note(number, seq int64, hash string, at time.Time, note string) ([]byte, error) {
	raw, err := json.Marshal(map[string]string{"checkpoint": note})
	if err != nil {
		return nil, err
	}
	data := []pair{{"checkpoint", strconv.FormatInt(number, 10)}, {"seq", strconv.FormatInt(seq, 10)}, {"hash", hash}}
	return e.cut(e.message(severityInfo, at, "checkpoint", data, raw)), nil
}

// Test answers a message that says nothing but who sends it, for somebody who looks whether it arrives.
func (e Encoder) Test(id string, at time.Time) []byte {
	return e.cut(e.message(severityNotice, at, "test", []pair{{"test", id}}, []byte(`{"test":true}`)))
}

// Frame puts the length before a message (RFC 6587, octet counting), so that nothing in it can end it.
func Frame(message []byte) []byte {
	return append(append(strconv.AppendInt(make([]byte, 0, len(message)+8), int64(len(message)), 10), ' '), message...)
}

// pair is a parameter of the structured data.
type pair struct{ name, value string }

func (e Encoder) bound() int { return min(max(e.Max, LeastBytes), MostBytes) }

// cut is for what cannot be longer, but must not be whatever happens.
func (e Encoder) cut(message []byte) []byte { return message[:min(len(message), e.bound())] }

func (e Encoder) message(severity int, at time.Time, msgID string, data []pair, text []byte) []byte {
	b := make([]byte, 0, len(text)+512)
	b = append(b, '<')
	b = strconv.AppendInt(b, int64(min(max(e.Facility, 0), 23)*8+severity), 10)
	b = append(b, ">1 "...)
	b = at.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, ' ')
	b = append(b, word(e.Host, maxHost)...)
	b = append(b, " guardhouse - "...)
	b = append(b, word(msgID, maxMsgID)...)
	b = append(b, " ["+dataID...)
	for _, p := range data {
		b = append(b, ' ')
		b = append(b, p.name...)
		b = append(b, '=', '"')
		b = appendValue(b, p.value)
		b = append(b, '"')
	}
	b = append(b, "] "...)
	return appendASCII(b, text)
}

// severityOf: an alert wants somebody, a refusal or a failure is out of the ordinary.
func severityOf(ev audit.Event) int {
	switch {
	case strings.HasPrefix(ev.Action, "alert."):
		return severityAlert
	case ev.Decision == audit.Error:
		return severityWarning
	case ev.Decision == audit.Deny:
		return severityNotice
	}
	return severityInfo
}

// shortened keeps what says which row it is, who did what and how it ended: these are below two kilobytes at the most.
func shortened(ev audit.Event) audit.Event {
	const most = 64
	for _, s := range []*string{
		&ev.Actor.ID, &ev.Actor.Name, &ev.KeyID, &ev.Purpose, &ev.Operation, &ev.IP, &ev.Action, &ev.Resource, &ev.Model, &ev.Reason,
		&ev.RuleID, &ev.RequestID,
	} {
		*s = clip(*s, most)
	}
	ev.UserAgent, ev.Roles, ev.Groups, ev.Details, ev.ModelSHA256 = "", []string{}, []string{}, map[string]any{}, ""
	return ev
}

// clip cuts between characters and where the ASCII form, six bytes for most others, has reached limit bytes.
func clip(s string, limit int) string {
	n := 0
	for i, r := range s {
		n += width(r)
		if n > limit {
			return s[:i]
		}
	}
	return s
}

func width(r rune) int {
	switch {
	case r == '"' || r == '\\':
		return 2
	case r < 0x7f && r >= ' ':
		return 1
	case r > 0xffff:
		return 12
	}
	return 6
}

// word is a part of the header: printable ASCII without spaces, "-" for none.
func word(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, s[:min(len(s), limit)])
	if s == "" {
		return "-"
	}
	return s
}

// appendValue escapes what RFC 5424 escapes in a parameter's value. Our values are ids, numbers and hashes.
func appendValue(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == ']':
			b = append(b, '\\', c)
		case c < ' ' || c > '~':
			b = append(b, '_')
		default:
			b = append(b, c)
		}
	}
	return b
}

// appendASCII writes JSON with every character that is not printable ASCII as \uXXXX: the same JSON, and nothing that a
// terminal obeys or that turns a line. Controls stand inside strings only, where encoders have escaped most of them.
func appendASCII(b, text []byte) []byte {
	const digits = "0123456789abcdef"
	unit := func(u uint16) {
		b = append(b, '\\', 'u', digits[u>>12], digits[u>>8&15], digits[u>>4&15], digits[u&15])
	}
	for i := 0; i < len(text); {
		if c := text[i]; c >= ' ' && c <= '~' {
			b = append(b, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		i += n
		if high, low := utf16.EncodeRune(r); r > 0xffff {
			unit(uint16(high))
			unit(uint16(low))
			continue
		}
		unit(uint16(r))
	}
	return b
}
