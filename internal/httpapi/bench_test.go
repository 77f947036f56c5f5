package httpapi

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/httpapi/strictjson"
)

// BenchmarkReadContract is what the document costs at start: part of the two seconds to the first verdict.
func BenchmarkReadContract(b *testing.B) {
	for b.Loop() {
		if _, err := readContract(document); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStrictBody is what the strict reader and the schema add to an ordinary verdict.
func BenchmarkStrictBody(b *testing.B) {
	c, err := readContract(document)
	if err != nil {
		b.Fatal(err)
	}
	op := c[route{http.MethodPost, "/api/v1/moderations"}]
	body := []byte(`{"input":[{"role":"user","content":"How do I bake bread, and how long does it keep?"},{"role":"assistant","content":"Three days."}],"policy":"strict"}`)
	b.ReportAllocs()
	for b.Loop() {
		v, err := strictjson.Parse(body)
		if err == nil {
			err = checkSchema(op.body, v, "")
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAsset is a cold asset of the console through the whole chain of middleware but the credential.
func BenchmarkAsset(b *testing.B) {
	gin.SetMode(gin.ReleaseMode)
	s := &Server{statuses: statuses(), log: slog.New(slog.DiscardHandler), now: time.Now, hosts: trustedHosts("", nil), origins: http.NewCrossOriginProtection()}
	s.fill()
	s.ui = &ui{files: map[string]asset{"assets/a.js": {kind: "text/javascript", variants: []variant{{"", `"e"`, make([]byte, 64<<10)}}}}}
	e := gin.New()
	e.Use(s.identify, s.observe, s.harden, s.checkHost, s.checkPath, s.checkOrigin)
	e.GET("/ui/*path", s.serveUI)
	r := httptest.NewRequest(http.MethodGet, "https://localhost/ui/assets/a.js", nil)
	for b.Loop() {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
