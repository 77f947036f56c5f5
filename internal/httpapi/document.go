package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	"go.yaml.in/yaml/v3"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
)

// GetOpenAPI answers the contract to everybody who is signed in, whatever he may do: it tells nothing about this server.
// Reading it leaves no row.
func (s *Server) GetOpenAPI(ctx context.Context, _ gen.GetOpenAPIRequestObject) (gen.GetOpenAPIResponseObject, error) {
	c, ok := ctx.(*gin.Context)
	if !ok {
		return nil, fault.New(fault.Internal, "The document has nobody to go to.")
	}
	a, err := s.published()
	if err != nil {
		return nil, err
	}
	return publishedDocument{a, c}, nil
}

// publishedDocument is the answer with the document, or with 304 where the caller has it already.
type publishedDocument struct {
	asset
	c *gin.Context
}

// VisitGetOpenAPIResponse writes it. What asks for a part of it, or for another version, is answered with all of this one.
func (d publishedDocument) VisitGetOpenAPIResponse(w http.ResponseWriter) error {
	for _, name := range []string{"Range", "If-Range", "If-Match"} {
		d.c.Request.Header.Del(name)
	}
	w.Header().Set("Cache-Control", "private, no-cache")
	d.serve(d.c)
	return nil
}

// publish makes the JSON of a document once, in both encodings. Its tags are the text's own, so that two servers of one
// release agree.
func publish(document []byte) (asset, error) {
	body, err := documentJSON(document)
	if err != nil {
		return asset{}, fmt.Errorf("publishing openapi.yaml: %w", err)
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return asset{}, err
	}
	if _, err := z.Write(body); err != nil {
		return asset{}, err
	}
	if err := z.Close(); err != nil {
		return asset{}, err
	}
	sum := sha256.Sum256(body)
	tag := base64.RawURLEncoding.EncodeToString(sum[:18])
	return asset{kind: "application/json", variants: []variant{
		{"gzip", `"` + tag + `-gz"`, packed.Bytes()}, {"", `"` + tag + `"`, body},
	}}, nil
}

// documentJSON answers the document as JSON with its members in the order in which they were written, without what only the
// generator of Go types reads.
func documentJSON(document []byte) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(document, &root); err != nil {
		return nil, err
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 {
		return nil, fault.New(fault.Internal, "The document is not one YAML document.")
	}
	var out bytes.Buffer
	if err := writeNode(&out, root.Content[0]); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// generatorOnly says that a member means something to the generator of this server's types and to no caller.
func generatorOnly(name string) bool {
	return strings.HasPrefix(name, "x-go-") || name == "x-enum-varnames"
}

func writeNode(out *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		return writeMembers(out, n)
	case yaml.SequenceNode:
		out.WriteByte('[')
		for i, element := range n.Content {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeNode(out, element); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	case yaml.ScalarNode:
		var value any
		if err := n.Decode(&value); err != nil {
			return err
		}
		return writeValue(out, value)
	case yaml.DocumentNode, yaml.AliasNode:
	}
	return fault.New(fault.Internal, fmt.Sprintf("Line %d of the document is nothing that JSON has.", n.Line))
}

func writeMembers(out *bytes.Buffer, n *yaml.Node) error {
	out.WriteByte('{')
	first := true
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		if generatorOnly(name) {
			continue
		}
		if !first {
			out.WriteByte(',')
		}
		first = false
		if err := writeValue(out, name); err != nil {
			return err
		}
		out.WriteByte(':')
		if err := writeNode(out, n.Content[i+1]); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

func writeValue(out *bytes.Buffer, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	out.Write(text)
	return nil
}
