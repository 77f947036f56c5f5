package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/strictjson"
)

// readRequest holds parameters and body against the contract before generated binding sees them.
func (s *Server) readRequest(c *gin.Context, op *operation) error {
	if err := checkQuery(c.Request.URL.RawQuery, op.query); err != nil {
		return err
	}
	for _, p := range c.Params {
		if schema := op.path[p.Key]; schema != nil {
			if err := checkParameter(schema, p.Value, p.Key); err != nil {
				return err
			}
		}
	}
	for name, schema := range op.header {
		switch values := c.Request.Header.Values(name); {
		case len(values) > 1:
			return fault.New(fault.Invalid, "The header "+name+" stands more than once.").WithField(name)
		case len(values) == 1:
			if err := checkParameter(schema, values[0], name); err != nil {
				return err
			}
		}
	}
	if err := readPatience(c, op); err != nil {
		return err
	}
	if err := readPurpose(c, op); err != nil {
		return err
	}
	return s.readBody(c, op)
}

func checkQuery(raw string, known map[string]*openapi3.Schema) error {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "The query is malformed.")
	}
	for name, given := range values {
		schema, ok := known[name]
		switch {
		case !ok && showable.MatchString(name):
			return fault.New(fault.Invalid, "There is no parameter "+name+" here.").WithField(name)
		case !ok:
			return fault.New(fault.Invalid, "There is an unknown parameter.")
		case len(given) > 1:
			return fault.New(fault.Invalid, "The parameter "+name+" stands more than once.").WithField(name)
		}
		if err := checkParameter(schema, given[0], name); err != nil {
			return err
		}
	}
	return nil
}

// checkParameter holds one parameter against its schema. Control characters have no use in any of ours.
func checkParameter(schema *openapi3.Schema, value, name string) error {
	if !utf8.ValidString(value) || strings.ContainsFunc(value, control) {
		return wrong(name, "holds characters that have no place there")
	}
	switch {
	case schema.Type.Is("boolean"):
		if value != "true" && value != "false" {
			return wrong(name, "must be true or false")
		}
		return nil
	case schema.Type.Is("integer"):
		if value == "" || strings.Trim(value, "0123456789") != "" {
			return wrong(name, "must be a whole number")
		}
		return checkSchema(schema, json.Number(value), name)
	}
	return checkSchema(schema, value, name)
}

// readBody reads the body within its bounds, parses it strictly, holds it against the schema and puts it back for
// generated binding.
func (s *Server) readBody(c *gin.Context, op *operation) error {
	r := c.Request
	if len(r.Header.Values("Content-Encoding")) > 0 {
		// identity too: RFC 9110, 8.4.1 keeps the word for Accept-Encoding, and 15.5.16 has us name what is taken.
		c.Header("Accept-Encoding", "identity")
		return fault.New(fault.UnsupportedMedia, "Content-Encoding is not taken: send the body as it is.")
	}
	limit := max(s.o.MaxBody, op.maxBody)
	if op.action == actionPublic {
		limit = min(limit, maxPublicBody)
	}
	raw, err := s.readAll(c, limit)
	if err != nil {
		return err
	}
	exchangeOf(c).raw = raw
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	if len(raw) == 0 && !op.bodyMust {
		return nil
	}
	if op.yaml && len(raw) > 0 && isType(r, yamlType) {
		return nil
	}
	if len(raw) > 0 && !isJSON(r) {
		return fault.New(fault.UnsupportedMedia, "The body must be sent as Content-Type: application/json.")
	}
	value, err := strictjson.Parse(raw)
	if err != nil {
		return err
	}
	if op.body == nil {
		if object, ok := value.(map[string]any); !ok || len(object) > 0 {
			return fault.New(fault.Invalid, "This address takes no body.")
		}
		return nil
	}
	return checkSchema(op.body, value, "")
}

// maxPublicBody is what somebody without a credential may send: a name, a password and a token, escaped, fit in it.
const maxPublicBody = 16 << 10

// readAll never reads past the limit and never trusts the announced length with memory (threat R1).
func (s *Server) readAll(c *gin.Context, limit int64) ([]byte, error) {
	r := c.Request
	if r.ContentLength > limit {
		return nil, s.tooLarge(limit)
	}
	release := s.boundRead(c)
	raw, err := io.ReadAll(&metered{Reader: http.MaxBytesReader(c.Writer, r.Body, limit), b: s.bodies, x: exchangeOf(c)})
	release()
	var over *http.MaxBytesError
	switch {
	case err == nil:
		bodyIsWhole(c)
		return raw, nil
	case errors.As(err, &over):
		return nil, s.tooLarge(limit)
	case errors.Is(err, errCrowded):
		return nil, fault.Wrap(err, fault.Busy, "Too many large requests are being read. Try again in a moment.")
	case errors.Is(err, os.ErrDeadlineExceeded) && s.drain.stopping():
		return nil, fault.Wrap(err, fault.Busy, "The server is stopping, and the body had not arrived.")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fault.Wrap(err, fault.Invalid, "The body did not arrive in time.")
	case r.Context().Err() != nil, errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fault.Wrap(err, fault.Canceled, "the caller left before the body was whole")
	}
	return nil, fault.Wrap(err, fault.Invalid, "The body could not be read.")
}

// tooLarge names the setting where it was the setting that said no.
func (s *Server) tooLarge(limit int64) error {
	if limit != s.o.MaxBody {
		return fault.Newf(fault.TooLarge, "The body is larger than %d bytes.", limit)
	}
	return fault.Newf(fault.TooLarge, "The body is larger than http.max_body, %d bytes.", limit)
}

// yamlType is how YAML is announced (RFC 9512).
const yamlType = "application/yaml"

// isJSON says that the body is announced as JSON in UTF-8, once.
func isJSON(r *http.Request) bool { return isType(r, "application/json") }

func isType(r *http.Request, want string) bool {
	values := r.Header.Values("Content-Type")
	if len(values) != 1 {
		return false
	}
	kind, params, err := mime.ParseMediaType(values[0])
	charset, given := params["charset"]
	return err == nil && kind == want && (!given || strings.EqualFold(charset, "utf-8"))
}
