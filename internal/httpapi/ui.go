package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/fault"
)

const (
	indexFile = "index.html"
	// assetFolder holds the files whose names carry a hash of their content: they never change.
	assetFolder = "assets/"
)

// ui serves the built console. Every file is known at start, so that a request costs no look at a disk.
type ui struct{ files map[string]asset }

// asset is one file in the encodings that the build made.
type asset struct {
	kind     string
	variants []variant // the preferred first, the plain one last
}

type variant struct {
	encoding string // "", br or gzip
	etag     string
	body     []byte
}

// newUI reads the built files; none of them is needed.
func newUI(files fs.FS) (*ui, error) {
	u := &ui{files: map[string]asset{}}
	if files == nil {
		return u, nil
	}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") || isPacked(name) {
			return err
		}
		a := asset{kind: kindOf(name)}
		for _, v := range []struct{ suffix, encoding string }{{".br", "br"}, {".gz", "gzip"}, {"", ""}} {
			body, err := fs.ReadFile(files, name+v.suffix)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			sum := sha256.Sum256(body)
			a.variants = append(a.variants, variant{v.encoding, `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`, body})
		}
		u.files[name] = a
		return nil
	})
	return u, err
}

func isPacked(name string) bool {
	return strings.HasSuffix(name, ".br") || strings.HasSuffix(name, ".gz")
}

// kindOf does not ask the system's tables: they differ from machine to machine, and nosniff makes them matter.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".ico":
		return "image/x-icon"
	case ".woff2":
		return "font/woff2"
	case ".json", ".webmanifest":
		return "application/json"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// toUI is the one redirect there is.
func (s *Server) toUI(c *gin.Context) { c.Redirect(http.StatusFound, "/ui/") }

// serveUI answers a file, or the console's one page for every address that the console itself understands. A missing
// asset is 404: a page must not get HTML where it asked for a script.
func (s *Server) serveUI(c *gin.Context) {
	name := strings.TrimPrefix(c.Param("path"), "/")
	a, ok := s.ui.files[name]
	if !ok && !strings.HasPrefix(name, assetFolder) {
		name = indexFile
		if a, ok = s.ui.files[name]; !ok {
			c.Data(http.StatusNotFound, "text/plain; charset=utf-8", []byte("UI not built: run make build.\n"))
			return
		}
	}
	if !ok {
		s.problem(c, fault.New(fault.NotFound, "There is nothing here."))
		return
	}
	boundWrite(c)
	h := c.Writer.Header()
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, assetFolder) {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	a.serve(c)
}

func (a asset) serve(c *gin.Context) {
	v := a.variants[len(a.variants)-1]
	for _, candidate := range a.variants {
		if candidate.encoding == "" || accepts(c.Request, candidate.encoding) {
			v = candidate
			break
		}
	}
	h := c.Writer.Header()
	if len(a.variants) > 1 {
		h.Set("Vary", "Accept-Encoding")
	}
	if v.encoding != "" {
		h.Set("Content-Encoding", v.encoding)
	}
	h.Set("Content-Type", a.kind)
	h.Set("ETag", v.etag)
	var content io.ReadSeeker = bytes.NewReader(v.body)
	http.ServeContent(c.Writer, c.Request, "", time.Time{}, content)
}

// accepts says that the client takes an encoding. A weight of zero means that it does not.
func accepts(r *http.Request, encoding string) bool {
	for _, header := range r.Header.Values("Accept-Encoding") {
		for _, part := range strings.Split(header, ",") {
			name, weight, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(name), encoding) {
				weight = strings.ReplaceAll(strings.TrimSpace(weight), " ", "")
				return weight != "q=0" && !strings.HasPrefix(weight, "q=0.000") && weight != "q=0.0" && weight != "q=0.00"
			}
		}
	}
	return false
}
