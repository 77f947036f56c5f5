package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"guardhouse/internal/config"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/fake"
	"guardhouse/internal/supervise"
)

// TestMain lets the test binary be started again as the worker of a parent, with an engine that dies as native code does.
func TestMain(m *testing.M) {
	if supervise.IsWorker() {
		if err := work(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func work() error {
	w, err := supervise.Inherit()
	if err != nil {
		return err
	}
	w.Parted(func() { os.Exit(1) })
	var given []config.Given
	if err := json.Unmarshal(w.Config, &given); err != nil {
		return err
	}
	c, err := config.Resume(given)
	if err != nil {
		return err
	}
	in, err := Inherit(c, w.File)
	if err != nil {
		return err
	}
	fragile, err := newFragile(w.Generation == 1, in.listeners)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return Serve(ctx, c, Options{
		Engine: fragile, Log: slog.New(slog.DiscardHandler), Inherited: in, Marks: w.Marks(time.Now), Loaded: w.Whole,
		Restart: Restart{Count: w.Generation - 1, Why: w.Ended, At: w.EndedAt},
	}, func(Notice) { w.Serving() })
}

// fragile is a fake engine that a text with "killer" ends together with its process, and in which "deafen" shuts the ports. In the first worker a "patient" text waits until
// another one is with the engine; one that is no killer then waits for what comes.
type fragile struct {
	inference.Engine
	decode func([]int32) string
	first  bool
	ports  map[string]net.Listener
	inside atomic.Int32
}

func newFragile(first bool, ports map[string]net.Listener) (*fragile, error) {
	tok, err := nanoTokenizer()
	if err != nil {
		return nil, err
	}
	return &fragile{Engine: fake.New(fake.Options{Decode: tok.Decode, Encode: tok.Encode}), decode: tok.Decode, first: first, ports: ports}, nil
}

func (f *fragile) Load(ctx context.Context, s inference.Spec) (inference.Model, error) {
	s.Slots = 4
	m, err := f.Engine.Load(ctx, s)
	return &fragileModel{m, f}, err
}

type fragileModel struct {
	inference.Model
	engine *fragile
}

func (m *fragileModel) Judge(ctx context.Context, q inference.Query) (inference.Answer, error) {
	m.engine.inside.Add(1)
	defer m.engine.inside.Add(-1)
	text := m.engine.decode(q.Prompt)
	killer, patient := strings.Contains(text, "killer"), m.engine.first && strings.Contains(text, "patient")
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for patient && m.engine.inside.Load() < 2 && ctx.Err() == nil {
		<-again.C
	}
	switch {
	case killer:
		_ = unix.Kill(os.Getpid(), syscall.SIGABRT)
		select {}
	case patient:
		<-ctx.Done()
	case strings.Contains(text, "deafen"):
		for _, l := range m.engine.ports {
			if tcp, ok := l.(*net.TCPListener); ok {
				_ = descriptor(tcp, shut)
			}
		}
	}
	return m.Model.Judge(ctx, q)
}
