package httpapi

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/fault"
)

// purposeHeader says what somebody uses a model for. Rules may demand it, and the audit row keeps it. Browsers send headers
// named Purpose and X-Purpose of their own, so ours has a name that nobody else uses.
const purposeHeader = "X-Guardhouse-Purpose"

// maxPurpose is how much of it the audit row has room for, in bytes.
const maxPurpose = 256

// encoded begins a value in the form of RFC 8187: browsers refuse to send anything but Latin letters in a header.
const encoded = "UTF-8''"

// readPurpose notes what the caller uses the model for, where the operation asks for it. It refuses what cannot be read, and
// what would be cut in the audit row: a rule must not go by a text that nobody can read later.
func readPurpose(c *gin.Context, op *operation) error {
	given := c.GetHeader(purposeHeader)
	if op.header[purposeHeader] == nil || given == "" {
		return nil
	}
	if len(given) >= len(encoded) && strings.EqualFold(given[:len(encoded)], encoded) {
		text, err := url.PathUnescape(given[len(encoded):])
		if err != nil {
			return fault.Wrap(err, fault.Invalid, "The header "+purposeHeader+" is not percent-encoded UTF-8.").WithField(purposeHeader)
		}
		given = text
	}
	switch {
	case !utf8.ValidString(given) || strings.ContainsFunc(given, control):
		return wrong(purposeHeader, "holds characters that have no place there")
	case len(given) > maxPurpose:
		return fault.Newf(fault.Invalid, "The header %s is longer than %d bytes.", purposeHeader, maxPurpose).WithField(purposeHeader)
	}
	x := exchangeOf(c)
	x.origin.Purpose, x.principal.Origin.Purpose = given, given
	return nil
}

// control says that a character is one of those that no parameter of ours has a use for.
func control(r rune) bool { return r < 0x20 || r == 0x7F }
