package httpapi

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"

	"guardhouse/internal/metrics"
)

// MetricsHandler answers GET /metrics without a sign-in, and nothing else. It is for a listener that this machine alone
// reaches; a page that rebinds its name to it is refused by the Host header (threat P2).
func MetricsHandler(r *metrics.Registry, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, req *http.Request) {
		var text bytes.Buffer
		if err := r.Write(&text); err != nil {
			log.ErrorContext(req.Context(), "metrics not written", "err", err)
			http.Error(w, "the metrics cannot be read", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", metrics.ContentType)
		_, _ = w.Write(text.Bytes()) // the reader left: nobody is there to tell
	})
	return localOnly(mux)
}

// DebugHandler answers the profiles of the Go runtime, and nothing else. No other handler of this server knows them
// (threat D1). The command line is left out: it may name people and files.
func DebugHandler() http.Handler {
	mux := http.NewServeMux()
	for _, name := range []string{"allocs", "block", "goroutine", "heap", "mutex", "threadcreate"} {
		mux.Handle("GET /debug/pprof/"+name, pprof.Handler(name))
	}
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintln(w, "allocs block goroutine heap mutex threadcreate profile trace symbol")
	})
	return localOnly(mux)
}

// localOnly answers those who came over the loopback interface and asked for it by address or as localhost.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", csp)
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		switch {
		case !isLoopback(r.RemoteAddr):
			http.Error(w, "this listener answers its own machine alone", http.StatusForbidden)
		case !isLocalName(r.Host):
			http.Error(w, "this listener answers to 127.0.0.1, ::1 and localhost alone", http.StatusMisdirectedRequest)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func isLoopback(addr string) bool {
	a, err := netip.ParseAddrPort(addr)
	return err == nil && a.Addr().Unmap().IsLoopback()
}

func isLocalName(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
