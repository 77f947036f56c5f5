package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi"
)

// threat R1: one account's bodies that never end leave room for everybody else's.
func TestBodiesInMemoryAreBounded(t *testing.T) {
	b := newBench(t, func(o *httpapi.Options, _ *httpapi.Deps) { o.MaxBody = 64 << 20 })
	text := func(as string, size int) int {
		return b.do(call{method: "POST", path: moderations, as: as, body: `{"input":"` + strings.Repeat("a", size) + `"}`}).Code
	}
	const waiting = 4 // of 64 MiB each: a quarter of the budget of sixteen
	var pipes []*io.PipeWriter
	done := make(chan int, waiting)
	for range waiting {
		r, w := io.Pipe()
		pipes = append(pipes, w)
		req := httptest.NewRequest(http.MethodPost, "https://localhost"+moderations, r)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+b.keys["rita"])
		go func() {
			w := httptest.NewRecorder()
			b.server.ServeHTTP(w, req)
			done <- w.Code
		}()
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for range 63 {
			_, err := w.Write(chunk)
			require.NoError(t, err)
		}
	}
	require.Equal(t, http.StatusServiceUnavailable, text("rita", 8<<20), "she has no more room")
	require.Equal(t, http.StatusOK, text("rita", 100), "but for short texts")
	require.NotEqual(t, http.StatusServiceUnavailable, text("rob", 1<<20), "and nobody else is held up")
	for _, w := range pipes {
		require.NoError(t, w.CloseWithError(io.ErrUnexpectedEOF))
		<-done
	}
	require.Zero(t, b.server.BodyBytes(), "every byte is given back")
}
