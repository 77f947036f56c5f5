//go:build !nollama

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/config"
	"guardhouse/internal/gpu"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/llamacpp/kernel/kerneltest"
)

// library lays a stand-in for the engine's library out as scripts/build-cuda.sh does, and answers the folder.
func library(t *testing.T, behaviour int, more ...string) string {
	t.Helper()
	compiler, err := exec.LookPath("c++")
	if err != nil {
		t.Skipf("not run: %s needs a C++ compiler named c++", t.Name())
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	name := filepath.Join(dir, "libggml-cuda.so")
	source := filepath.Join("..", "..", "internal", "inference", "llamacpp", "testdata", "standin.cpp")
	args := append([]string{"-std=c++17", "-shared", "-fPIC", fmt.Sprintf("-DSTANDIN=%d", behaviour), "-o", name, source}, more...)
	out, err := exec.CommandContext(t.Context(), compiler, args...).CombinedOutput()
	require.NoError(t, err, string(out))
	manifest := fmt.Sprintf("guardhouse-gpu 1\nengine %s\ntoolkit 13.0.88\narchitectures 86-real\n", gpu.EngineVersion)
	for _, name := range []string{"libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13", "libggml-base.so.0", "libggml-cuda.so"} {
		if name != "libggml-cuda.so" { // nothing is in what it would need
			out, err := exec.CommandContext(t.Context(), compiler, "-shared", "-fPIC", "-x", "c++", "-o", filepath.Join(dir, name), "/dev/null").CombinedOutput()
			require.NoError(t, err, string(out))
		}
		bytes, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		manifest += fmt.Sprintf("%x  %s\n", sha256.Sum256(bytes), name)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "MANIFEST"), []byte(manifest), 0o600))
	return dir
}

// noDriver answers the flags that make a library need the driver's, which is not there.
func noDriver(t *testing.T) []string {
	t.Helper()
	stub := filepath.Join(t.TempDir(), "libcuda.so")
	c := exec.CommandContext(t.Context(), "cc", "-x", "c", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", stub, "-")
	c.Stdin = strings.NewReader("int cuInit(unsigned flags) { return (int)flags; }\n")
	out, err := c.CombinedOutput()
	require.NoError(t, err, string(out))
	return []string{"-Wl,--no-as-needed", stub}
}

// Whatever a library does to the process that tries it, the server starts, says why, and runs models on the processor.
func TestALibraryThatDoesNotRun(t *testing.T) {
	if _, err := os.Stat("/dev/nvidia0"); err == nil {
		t.Skip("not run: this machine has a driver")
	}
	for name, c := range map[string]struct {
		dir  string
		says string
	}{
		"no driver":         {library(t, 0, noDriver(t)...), "does not run here: no NVIDIA driver is installed (libcuda.so.1: cannot open"},
		"crash":             {library(t, 1), "does not run here: it was built for architectures 86-real and not for this GPU (CUDA error"},
		"hang":              {library(t, 2), "the GPU probe did not end within 3s"},
		"no device":         {library(t, 3), "the GPU library sees no device"},
		"of another engine": {library(t, 4), "it is no backend of this engine"},
	} {
		t.Run(name, func(t *testing.T) {
			o := gpuOptions(&config.Config{GPULibrary: c.dir, GPULayers: config.AllLayers})
			o.Deadline = 3 * time.Second
			if name != "hang" {
				o.Deadline = time.Minute
			}
			host, err := gpu.Find(t.Context(), o)
			require.NoError(t, err)
			require.Nil(t, host.Library)
			require.Contains(t, host.Why, c.says)
			require.NotContains(t, host.Why, "\n")
		})
	}
}

// A library that passes its probe is loaded into the server, and models say that they are there.
func TestALibraryThatRuns(t *testing.T) {
	dir := library(t, 0)
	t.Setenv("GH_STANDIN_CPU", strconv.FormatUint(uint64(kerneltest.Processor()), 16)) // it computes with the engine's own backend
	var log bytes.Buffer
	c := &config.Config{GPULibrary: dir, GPULayers: config.AllLayers}
	looked, err := lookForGPU(c)(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Stand-in Board", looked.Devices[0].Description)
	engine, host, err := openEngine(t.Context(), c, false, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	require.NotNil(t, host.Library, host.Why)
	require.Contains(t, log.String(), "models run on the GPU")
	f, err := os.Open(filepath.Join("..", "..", "models", "guard-nano.gguf"))
	require.NoError(t, err)
	defer f.Close()
	m, err := engine.Load(t.Context(), inference.Spec{ModelID: "m", File: f, Slots: 1, SlotTokens: 256, Threads: 1})
	require.NoError(t, err)
	defer m.Close()
	require.Equal(t, "cuda:Stand-in Board", m.Describe().Device)
	require.Contains(t, log.String(), "device=\"cuda:Stand-in Board\"")
}

// A device that passes its probe and then ends the server costs one restart: the next worker leaves it alone, and says so.
func TestAWorkerThatDiesOnTheGPUIsFollowedByOneOnTheProcessor(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	file := filepath.Join(dir, "guardhouse.yaml")
	require.NoError(t, os.WriteFile(file, []byte("engine: {gpu_library: "+library(t, 5)+"}\n"), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, self, "serve", "--data", filepath.Join(dir, "data"), "--config", file, "--listen", "127.0.0.1:0")
	c.Env, c.Dir = append(os.Environ(), asProgram+"=serve"), dir
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	wanted := []string{"models run on the GPU", tooRisky, "model ready"}
	var all []string
	for lines := bufio.NewScanner(stderr); len(wanted) > 0 && lines.Scan(); {
		all = append(all, lines.Text())
		if strings.Contains(lines.Text(), wanted[0]) {
			wanted = wanted[1:]
		}
	}
	require.Empty(t, wanted, "%s", strings.Join(all, "\n"))
	require.NoError(t, c.Process.Signal(os.Interrupt))
	go func() { _, _ = io.Copy(io.Discard, stderr) }() // ends with the process
	require.NoError(t, c.Wait())
}
