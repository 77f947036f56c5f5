package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// timeLayout is RFC 3339 in UTC with exactly three decimals.
const timeLayout = "2006-01-02T15:04:05.000Z"

// maxWhole is the largest whole number that every JSON reader keeps exactly: 2^53 - 1.
const maxWhole = 1<<53 - 1

// maxMicros keeps duration_ms at fifteen digits, which a double holds exactly: thirty-one years.
const maxMicros = 1_000_000_000_000_000 - 1

type hashMember bool

const (
	withHash    hashMember = true
	withoutHash hashMember = false
)

// Canonical answers the bytes that are hashed: the event's JSON without `hash`, in the form of docs/audit.md (RFC 8785
// restricted to whole numbers and duration_ms). Details that the form cannot hold, which Append refuses, are replaced by a
// marker, so that such an event never verifies.
func Canonical(e Event) []byte {
	b, err := encode(e, withoutHash)
	if err != nil {
		return []byte("not canonical: " + err.Error())
	}
	return b
}

// ComputeHash answers the lower-case hexadecimal SHA-256 of the canonical form.
func (e Event) ComputeHash() string { return hashOf(Canonical(e)) }

func hashOf(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

func encode(e Event, h hashMember) ([]byte, error) {
	_, details, err := canonicalDetails(e.Details)
	if err != nil {
		return nil, err
	}
	return encodeWith(e, details, h), nil
}

// encodeWith writes the members in the order of their names, which is the canonical one. details are canonical already.
func encodeWith(e Event, details []byte, h hashMember) []byte {
	b := make([]byte, 0, 1024+len(details))
	b = append(b, `{"action":`...)
	b = appendString(b, e.Action)
	b = append(b, `,"actor":{"id":`...)
	b = appendString(b, e.Actor.ID)
	b = appendMember(b, "name", e.Actor.Name)
	b = appendMember(b, "type", e.Actor.Type)
	b = append(b, '}')
	b = appendMember(b, "at", e.At.UTC().Format(timeLayout))
	b = appendMember(b, "content_hash", e.ContentHash)
	b = appendMember(b, "decision", e.Decision)
	b = append(append(b, `,"details":`...), details...)
	b = append(b, `,"duration_ms":`...)
	b = append(b, formatMillis(e.Duration)...)
	b = appendStrings(append(b, `,"groups":`...), e.Groups)
	if h == withHash {
		b = appendMember(b, "hash", e.Hash)
	}
	b = appendMember(b, "id", e.ID)
	b = appendMember(b, "ip", e.IP)
	b = appendMember(b, "key_id", e.KeyID)
	b = appendMember(b, "model", e.Model)
	b = appendMember(b, "model_sha256", e.ModelSHA256)
	b = appendMember(b, "operation", e.Operation)
	b = strconv.AppendInt(append(b, `,"policy_version":`...), e.PolicyVersion, 10)
	b = appendMember(b, "prev_hash", e.PrevHash)
	b = appendMember(b, "purpose", e.Purpose)
	b = appendMember(b, "reason", e.Reason)
	b = appendMember(b, "request_id", e.RequestID)
	b = appendMember(b, "resource", e.Resource)
	b = appendStrings(append(b, `,"roles":`...), e.Roles)
	b = appendMember(b, "rule_id", e.RuleID)
	b = strconv.AppendInt(append(b, `,"seq":`...), e.Seq, 10)
	b = appendMember(b, "user_agent", e.UserAgent)
	b = strconv.AppendInt(append(b, `,"v":`...), int64(e.V), 10)
	return append(b, '}')
}

func appendMember(b []byte, name, value string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return appendString(b, value)
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

// appendString escapes exactly what RFC 8785 escapes: the quote, the backslash and the controls below U+0020.
func appendString(b []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	if !utf8.ValidString(s) {
		s = string([]rune(s)) // each byte that is none becomes U+FFFD
	}
	b = append(b, '"')
	done := 0
	for i := range len(s) {
		r := s[i]
		if r >= 0x20 && r != '"' && r != '\\' {
			continue
		}
		b = append(b, s[done:i]...)
		done = i + 1
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', r)
		case r == '\b':
			b = append(b, '\\', 'b')
		case r == '\t':
			b = append(b, '\\', 't')
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\f':
			b = append(b, '\\', 'f')
		case r == '\r':
			b = append(b, '\\', 'r')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		}
	}
	return append(append(b, s[done:]...), '"')
}

// formatMillis writes microseconds as milliseconds without a needless digit: 1500us is 1.5, 2000us is 2.
func formatMillis(d time.Duration) string {
	us := min(max(d.Microseconds(), 0), maxMicros)
	s := strconv.FormatInt(us/1000, 10)
	if frac := us % 1000; frac != 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%03d", frac), "0")
	}
	return s
}

// parseMillis reads formatMillis back. It refuses more than three decimals, signs and exponents.
func parseMillis(s string) (time.Duration, error) {
	whole, frac, _ := strings.Cut(s, ".")
	ms, err := strconv.ParseUint(whole, 10, 50)
	if err != nil || len(frac) > 3 {
		return 0, fmt.Errorf("duration_ms %q is not a count of milliseconds with at most three decimals", s)
	}
	var us uint64
	if frac != "" {
		if us, err = strconv.ParseUint((frac + "00")[:3], 10, 16); err != nil {
			return 0, fmt.Errorf("duration_ms %q is not a count of milliseconds with at most three decimals", s)
		}
	}
	return time.Duration(ms)*time.Millisecond + time.Duration(us)*time.Microsecond, nil
}

var errNumber = errors.New("details hold a number that is not whole or not below 2^53: write it as a string")

func appendValue(b []byte, v any) ([]byte, error) {
	switch x := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, x), nil
	case string:
		return appendString(b, x), nil
	case json.Number:
		n, err := strconv.ParseInt(x.String(), 10, 64)
		if err != nil || n > maxWhole || n < -maxWhole {
			return nil, errNumber
		}
		return strconv.AppendInt(b, n, 10), nil
	case []any:
		return appendList(b, x)
	case map[string]any:
		return appendObject(b, x)
	}
	return nil, fmt.Errorf("details hold a %T", v)
}

func appendList(b []byte, list []any) ([]byte, error) {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendValue(b, v); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// appendObject sorts names by UTF-16 code units, as RFC 8785 says.
func appendObject(b []byte, object map[string]any) ([]byte, error) {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.SortFunc(names, compareNames)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		var err error
		if b, err = appendValue(b, object[name]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// hashContent binds contents to one event: equal texts in two events have unequal hashes, and nobody can check a guess
// without the key. No content gives "".
func hashContent(key []byte, id string, content [][]byte) string {
	if len(content) == 0 {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id))
	for _, c := range content {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(c))))
		mac.Write(c)
	}
	return hex.EncodeToString(mac.Sum(nil))
}
