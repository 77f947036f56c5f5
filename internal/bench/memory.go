package bench

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"guardhouse/internal/fault"
)

// StartReport is one start of our own server.
type StartReport struct {
	FirstVerdict float64      `json:"first_verdict_ms"` // from exec to the first verdict over HTTPS
	Memory       MemoryReport `json:"memory"`
}

// MemoryReport is what the kernel says of the server, and what the server says of its model. Constant is what is neither
// weights nor cache: program, libraries, Go's heap, work memory of the engine.
type MemoryReport struct {
	Resident int64 `json:"resident_bytes"`
	Peak     int64 `json:"peak_bytes"`
	File     int64 `json:"file_bytes"` // of it: pages of the program's file, which the kernel can drop and read again
	Weights  int64 `json:"weight_bytes,omitempty"`
	Cache    int64 `json:"cache_bytes,omitempty"`
	Constant int64 `json:"constant_bytes,omitempty"`
	Threads  int   `json:"threads"`
	OnTmpfs  bool  `json:"data_on_tmpfs"` // then a durable commit costs less than on a disk
}

// startOnce starts the server and times its first verdict. Until it is ready it is asked every two milliseconds: that is finer than
// the figure, and Retry-After is for clients that can wait.
func (s *server) startOnce(ctx context.Context, o Options) error {
	began := time.Now()
	if err := s.start(ctx); err != nil {
		return err
	}
	o.URL, o.Key, o.Roots = s.url, s.key, s.roots
	if s.self.GGUF != "" {
		o.Model = ownModel
	}
	t, err := newTarget(o)
	if err != nil {
		return err
	}
	c := t.client(ctx)
	defer c.close()
	text := o.Texts.at(warmupTexts)
	for {
		a, err := c.judge(text, nil)
		switch {
		case err != nil:
			return t.explain(err)
		case a.status == http.StatusOK:
			first := milliseconds(time.Since(began))
			m := s.memory()
			s.modelMemory(ctx, m)
			s.starts = append(s.starts, StartReport{FirstVerdict: first, Memory: *m})
			return nil
		case !a.refused || time.Since(began) > startWithin:
			return t.explainStatus(a)
		}
		if err := wait(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
}

// memory answers zeroes where the kernel does not say.
func (s *server) memory() *MemoryReport {
	const kilobyte = 1024
	m := &MemoryReport{OnTmpfs: onTmpfs(s.data)}
	if s.cmd == nil {
		return m
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/status")
	if err != nil {
		return m
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		if len(fields) == 0 {
			continue
		}
		n, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "VmRSS":
			m.Resident = n * kilobyte
		case "VmHWM":
			m.Peak = n * kilobyte
		case "RssFile":
			m.File = n * kilobyte
		case "Threads":
			m.Threads = int(n)
		}
	}
	return m
}

// modelMemory asks the server's metrics for weights and cache. A server that does not say leaves them 0.
func (s *server) modelMemory(ctx context.Context, m *MemoryReport) {
	text, err := s.metrics(ctx)
	if err != nil {
		return
	}
	m.Weights, m.Cache = sumOf(text, "guardhouse_model_weight_bytes"), sumOf(text, "guardhouse_model_cache_bytes")
	if m.Weights+m.Cache > 0 {
		m.Constant = m.Resident - m.Weights - m.Cache
	}
}

func (s *server) metrics(ctx context.Context) (string, error) {
	const within = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/metrics", http.NoBody)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return "", fault.Newf(fault.NotAvailable, "the metrics answered %d", res.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return string(data), err
}

// sumOf adds the values of all series of a metric.
func sumOf(text, name string) (sum int64) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || (!strings.HasPrefix(rest, "{") && !strings.HasPrefix(rest, " ")) {
			continue
		}
		fields := strings.Fields(rest)
		if v, err := strconv.ParseFloat(fields[len(fields)-1], 64); err == nil {
			sum += int64(v)
		}
	}
	return sum
}
