package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

type server struct {
	cmd          *exec.Cmd
	dir, url     string
	key          string
	client       *http.Client
	firstVerdict time.Duration
}

// start makes a data folder with a key, starts the program and waits for its first verdict.
func start(ctx context.Context, bin, text string) (*server, error) {
	dir, err := os.MkdirTemp("", "guardhouse-bench-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	if s.key, err = prepare(ctx, bin, dir); err != nil {
		return nil, err
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s.url = "https://" + addr
	began := time.Now()
	s.cmd = exec.CommandContext(ctx, bin, "serve", "--data", dir, "--listen", addr)
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for time.Since(began) < time.Minute {
		if s.client == nil {
			s.client = newClient(filepath.Join(dir, "tls", "ca.pem"))
		}
		if s.client != nil {
			if _, err := s.judge(ctx, text); err == nil {
				s.firstVerdict = time.Since(began)
				return s, nil
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.stop()
	return nil, errors.New("no verdict within a minute")
}

func prepare(ctx context.Context, bin, dir string) (string, error) {
	user := exec.CommandContext(ctx, bin, "user", "create", "bench", "--role", "admin", "--password-stdin", "--data", dir)
	user.Stdin = strings.NewReader("a long sentence for the bench only\n")
	if out, err := user.CombinedOutput(); err != nil {
		return "", fmt.Errorf("making the user: %w: %s", err, out)
	}
	out, err := exec.CommandContext(ctx, bin, "key", "create", "--user", "bench", "--label", "bench", "--json", "--data", dir).Output()
	if err != nil {
		return "", fmt.Errorf("making the key: %w", err)
	}
	var key struct{ Key string }
	return key.Key, errors.Join(json.Unmarshal(out, &key))
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// newClient answers nil until the program has made its certificate authority.
func newClient(ca string) *http.Client {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 256,
	}}
}

type timings struct {
	QueueMS float64 `json:"queue_ms"`
	ModelMS float64 `json:"model_ms"`
	TotalMS float64 `json:"total_ms"`
}

func (s *server) judge(ctx context.Context, text string) (timings, error) {
	body, err := json.Marshal(map[string]string{"input": text})
	if err != nil {
		return timings{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/v1/moderations", bytes.NewReader(body))
	if err != nil {
		return timings{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.key)
	res, err := s.client.Do(req)
	if err != nil {
		return timings{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return timings{}, err
	}
	if res.StatusCode != http.StatusOK {
		return timings{}, fmt.Errorf("answered %d: %s", res.StatusCode, data)
	}
	var v struct{ Timings timings }
	return v.Timings, json.Unmarshal(data, &v)
}

// rss answers the resident memory of the program and of its children, in MiB.
func (s *server) rss() int {
	pids := []string{strconv.Itoa(s.cmd.Process.Pid)}
	if kids, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", s.cmd.Process.Pid)); err == nil {
		pids = append(pids, strings.Fields(string(kids))...)
	}
	total := 0
	for _, pid := range pids {
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(status), "\n") {
			if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				kb, err := strconv.Atoi(strings.Fields(rest)[0])
				if err == nil {
					total += kb
				}
			}
		}
	}
	return total / 1024
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(os.Interrupt)
	_ = s.cmd.Wait()
	_ = os.RemoveAll(s.dir)
}
