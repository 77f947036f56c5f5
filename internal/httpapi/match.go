package httpapi

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/fault"
)

// noVersion is a version that nothing has: they are counted from 1.
const noVersion int64 = -1

// maxTags is how many tags one If-Match may list.
const maxTags = 32

// etag answers the strong entity tag of a version.
func etag(version int64) string { return `"v` + strconv.FormatInt(version, 10) + `"` }

// condition is what If-Match asks for: whatever is there (any), or one of versions. A tag that is none of ours, or a weak
// one, is equal to nothing and stands as noVersion.
type condition struct {
	any      bool
	versions []int64
}

// parseIfMatch reads the header as RFC 9110 writes it: * or a list of entity tags, whose empty elements count for nothing.
// It refuses everything else.
func parseIfMatch(header string) (condition, error) {
	rest := strings.Trim(header, " \t")
	if rest == "*" {
		return condition{any: true}, nil
	}
	var c condition
	for rest != "" {
		if rest[0] == ',' {
			rest = strings.TrimLeft(rest[1:], " \t")
			continue
		}
		version, after, ok := cutTag(rest)
		after = strings.TrimLeft(after, " \t")
		if !ok || (after != "" && after[0] != ',') || len(c.versions) == maxTags {
			return condition{}, malformedMatch()
		}
		c.versions, rest = append(c.versions, version), after
	}
	if len(c.versions) == 0 {
		return condition{}, malformedMatch()
	}
	return c, nil
}

func malformedMatch() error {
	return fault.New(fault.Invalid, `If-Match is a list of ETags such as "v3", or *.`).WithField("If-Match")
}

// cutTag reads one entity tag and answers its version and what follows.
func cutTag(s string) (version int64, after string, ok bool) {
	strong := strings.TrimPrefix(s, "W/")
	if strong == "" || strong[0] != '"' {
		return 0, "", false
	}
	tag, after, closed := strings.Cut(strong[1:], `"`)
	if !closed || strings.ContainsFunc(tag, func(r rune) bool { return r <= 0x20 || r == 0x7F }) {
		return 0, "", false
	}
	number, isVersion := strings.CutPrefix(tag, "v")
	n, err := strconv.ParseInt(number, 10, 64)
	if strong != s || !isVersion || err != nil || n < 1 || strconv.FormatInt(n, 10) != number {
		n = noVersion
	}
	return n, after, true
}

// ifMatch answers the version that a change must find, nil for any. now answers the version there is: of several tags only
// that one can be true, and * asks whether there is one, where makes says that the change would make what is missing. A
// header that can't be read leaves the row of a request that can't be taken; all else is the service's to refuse.
func (s *Server) ifMatch(ctx context.Context, header *string, makes bool, now func() (int64, error)) (*int64, error) {
	if header == nil {
		return nil, nil //nolint:nilnil // no condition is no error
	}
	c, err := parseIfMatch(*header)
	switch {
	case err != nil:
		return nil, s.refused(ctx, err)
	case c.any && !makes:
		return nil, nil //nolint:nilnil // what is missing is not found, whatever it should have been
	case len(c.versions) == 1:
		return &c.versions[0], nil
	}
	version, err := now()
	if fault.CodeOf(err) == fault.NotFound {
		version, err = noVersion, nil
	}
	if !c.any && !slices.Contains(c.versions, version) {
		version = noVersion
	}
	return &version, err
}

// refused leaves the row of a request that its handler can't take, and answers err.
func (s *Server) refused(ctx context.Context, err error) error {
	c, ok := ctx.(*gin.Context)
	if !ok {
		return err
	}
	return s.recordInvalid(c, s.contract[route{c.Request.Method, c.FullPath()}], err)
}
