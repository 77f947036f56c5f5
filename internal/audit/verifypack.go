package audit

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"strconv"
	"time"
	"unicode/utf8"
)

// sqlBytes is a value that lives until the next row is read.
type sqlBytes = sql.RawBytes

// The columns of a packed row, in the order of textColumns.
const (
	colID = iota
	colActorType
	colActorID
	colActorName
	colKeyID
	colRoles
	colGroups
	colPurpose
	colOperation
	colIP
	colUserAgent
	colAction
	colResource
	colModel
	colModelSHA256
	colDecision
	colReason
	colRuleID
	colRequestID
	colContentHash
	colDetails
	colPrevHash
	colHash
	numText
)

// lastYear is the last millisecond that a time of four digits for its year can write.
const lastYear = 253_402_300_799_999

// numbers are the columns of a packed row that hold whole numbers.
type numbers struct{ seq, version, at, policy, micros int64 }

// unpack sets columns to the texts of a packed row, and answers its numbers.
func (h *hasher) unpack(packed []byte) (n numbers, ok bool) {
	head, texts, found := bytes.Cut(packed, []byte{';'})
	if !found {
		return n, false
	}
	for _, to := range []*int64{&n.seq, &n.version, &n.at, &n.policy, &n.micros} {
		if *to, head, ok = cutWhole(head); !ok {
			return n, false
		}
	}
	for i := range h.columns {
		var length int64
		if length, head, ok = cutWhole(head); !ok || length < 0 || length > int64(len(texts)) {
			return n, false
		}
		h.columns[i], texts = texts[:length], texts[length:]
	}
	return n, len(head) == 0 && len(texts) == 0
}

// cutWhole takes the first of some whole numbers with commas between. It accepts their plain form alone.
func cutWhole(b []byte) (n int64, rest []byte, ok bool) {
	i, negative := 0, false
	if len(b) > 0 && b[0] == '-' {
		i, negative = 1, true
	}
	digits := i
	for ; i < len(b) && b[i] != ','; i++ {
		d := b[i] - '0'
		if d > 9 || i-digits >= 18 {
			return 0, nil, false
		}
		n = n*10 + int64(d)
	}
	if i == digits || (b[digits] == '0' && (i-digits > 1 || negative)) {
		return 0, nil, false
	}
	if negative {
		n = -n
	}
	if i == len(b) {
		return n, nil, true
	}
	return n, b[i+1:], true
}

// encode writes the canonical form of the unpacked row without making anything of its columns. It answers false where it is
// not sure that the row is one that Append writes.
func (h *hasher) encode(n numbers) bool {
	if n.version != Version || n.at < 0 || n.at > lastYear || n.micros < 0 || n.micros > maxMicros {
		return false
	}
	c := &h.columns
	if !canonicalStrings(c[colRoles]) || !canonicalStrings(c[colGroups]) || !canonicalObject(c[colDetails]) {
		return false
	}
	b, ok := h.form[:0], true
	text := func(name string, column int) {
		b = append(append(b, name...), '"')
		b, ok = appendEscaped(b, c[column], ok)
		b = append(b, '"')
	}
	plain := func(name string, value []byte) { b = append(append(b, name...), value...) }
	text(`{"action":`, colAction)
	text(`,"actor":{"id":`, colActorID)
	text(`,"name":`, colActorName)
	text(`,"type":`, colActorType)
	b = time.UnixMilli(n.at).UTC().AppendFormat(append(b, `},"at":"`...), timeLayout)
	text(`","content_hash":`, colContentHash)
	text(`,"decision":`, colDecision)
	plain(`,"details":`, c[colDetails])
	b = appendMillis(append(b, `,"duration_ms":`...), n.micros)
	plain(`,"groups":`, c[colGroups])
	text(`,"id":`, colID)
	text(`,"ip":`, colIP)
	text(`,"key_id":`, colKeyID)
	text(`,"model":`, colModel)
	text(`,"model_sha256":`, colModelSHA256)
	text(`,"operation":`, colOperation)
	b = strconv.AppendInt(append(b, `,"policy_version":`...), n.policy, 10)
	text(`,"prev_hash":`, colPrevHash)
	text(`,"purpose":`, colPurpose)
	text(`,"reason":`, colReason)
	text(`,"request_id":`, colRequestID)
	text(`,"resource":`, colResource)
	plain(`,"roles":`, c[colRoles])
	text(`,"rule_id":`, colRuleID)
	b = strconv.AppendInt(append(b, `,"seq":`...), n.seq, 10)
	text(`,"user_agent":`, colUserAgent)
	h.form = append(b, `,"v":1}`...)
	return ok
}

// appendEscaped copies what needs no escape, and leaves the rest to appendString. It answers false, as it was told or for what
// is not UTF-8.
func appendEscaped(b, s []byte, ok bool) ([]byte, bool) {
	high := byte(0)
	for _, c := range s {
		if c < 0x20 || c == '"' || c == '\\' {
			quoted := appendString(nil, string(s))
			return append(b, quoted[1:len(quoted)-1]...), ok && utf8.Valid(s)
		}
		high |= c
	}
	return append(b, s...), ok && (high < 0x80 || utf8.Valid(s))
}

// appendMillis is formatMillis of as many microseconds.
func appendMillis(b []byte, micros int64) []byte {
	b = strconv.AppendInt(b, micros/1000, 10)
	frac := micros % 1000
	if frac == 0 {
		return b
	}
	b = append(b, '.', byte('0'+frac/100), byte('0'+frac/10%10), byte('0'+frac%10))
	return bytes.TrimRight(b, "0")
}

func appendHash(b, canonical []byte) []byte {
	sum := sha256.Sum256(canonical)
	return hex.AppendEncode(b, sum[:])
}
