package httpapi

import (
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/fault"
)

// maxPatience is more than anybody waits: a larger number says the same.
const maxPatience = 24 * time.Hour

const preferHeader = "Prefer"

// readPatience notes how long the caller waits for an answer, where the operation asks for it, and tells him that it was
// heard. It refuses a wait that is no whole number of seconds from 1: a preference may be ignored, a deadline must not be.
func readPatience(c *gin.Context, op *operation) error {
	if op.header[preferHeader] == nil {
		return nil
	}
	given, ok := preference(c.GetHeader(preferHeader), "wait")
	if !ok {
		return nil
	}
	seconds, err := strconv.ParseUint(given, 10, 63)
	if err != nil || seconds == 0 {
		return fault.New(fault.Invalid, "In the header Prefer, wait must be a whole number of seconds from 1.").WithField(preferHeader)
	}
	seconds = min(seconds, uint64(maxPatience/time.Second))
	exchangeOf(c).patience = time.Duration(seconds) * time.Second
	c.Header("Preference-Applied", "wait="+strconv.FormatUint(seconds, 10))
	return nil
}

// preference answers the value of the first preference of that name (RFC 7240, 2): names in any case, values bare or quoted,
// parameters behind a semicolon left out.
func preference(header, name string) (value string, ok bool) {
	for part := range quotedSplit(header, ',') {
		for first := range quotedSplit(part, ';') {
			key, v, _ := strings.Cut(first, "=")
			if !strings.EqualFold(strings.Trim(key, " \t"), name) {
				break
			}
			v = strings.Trim(v, " \t")
			if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
				v = v[1 : len(v)-1]
			}
			return v, true
		}
	}
	return "", false
}

// quotedSplit answers the parts of s between separators that stand outside quotation marks.
func quotedSplit(s string, separator byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		from, quoted := 0, false
		for i := 0; i < len(s); i++ {
			switch {
			case quoted && s[i] == '\\':
				i++
			case s[i] == '"':
				quoted = !quoted
			case s[i] == separator && !quoted:
				if !yield(s[from:i]) {
					return
				}
				from = i + 1
			}
		}
		yield(s[from:])
	}
}
