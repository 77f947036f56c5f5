package httpapi

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
)

// DownloadModelFile lets a model's file out, which is hashed while it is taken.
func (s *Server) DownloadModelFile(ctx context.Context, r gen.DownloadModelFileRequestObject) (gen.DownloadModelFileResponseObject, error) {
	c, ok := ctx.(*gin.Context)
	if !ok {
		return nil, fault.New(fault.Internal, "The file has nobody to go to.")
	}
	d, err := s.deps.Catalog.Download(requestContext(ctx), exchangeOf(ctx).principal, r.ID, s.deps.Auth.Recheck)
	if err != nil {
		return nil, err
	}
	return modelFile{s, c, d}, nil
}

// modelFile is the answer that is made while it is taken.
type modelFile struct {
	s *Server
	c *gin.Context
	d *catalog.Download
}

// VisitDownloadModelFileResponse writes the file. One that is broken off ends the connection before its length is there.
func (f modelFile) VisitDownloadModelFileResponse(w http.ResponseWriter) error {
	h, m := w.Header(), f.d.Model
	h.Set("ETag", `"`+m.SHA256+`"`)
	h.Set("Accept-Ranges", "none") // the last block leaves when all of it was hashed
	h.Set("Content-Length", strconv.FormatInt(m.SizeBytes, 10))
	return f.s.attach(f.c, w, attachment{"application/octet-stream", m.ID + ".gguf"}, func(ctx context.Context, out io.Writer) error {
		return f.d.Write(ctx, out)
	})
}
