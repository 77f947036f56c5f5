package gpu

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProbe(t *testing.T) {
	board := Device{Name: "CUDA0", Description: "NVIDIA RTX A2000", Free: 11 << 30, Total: 12 << 30, Major: 8, Minor: 6}
	good, err := json.Marshal(Report{Devices: []Device{board}})
	require.NoError(t, err)
	none, noise := []byte(`{"devices":[]}`), "ggml_cuda_init: found 1 CUDA devices:\n  Device 0: NVIDIA RTX A2000\n"
	for name, c := range map[string]struct {
		ended Ended
		err   error
		says  string // "" = the board
	}{
		"a board":   {ended: Ended{Stdout: good, Stderr: []byte(noise)}},
		"no driver": {ended: Ended{Exit: 1, Stderr: []byte("libggml-cuda.so: libcuda.so.1: cannot open shared object file\n")}, says: "does not run here: no NVIDIA driver is installed"},
		"old driver": {
			ended: Ended{Stdout: none, Stderr: []byte("ggml_cuda_init: failed to initialize CUDA: CUDA driver version is insufficient for CUDA runtime version\n")},
			says:  "sees no device: the NVIDIA driver is too old for CUDA 13.0.88",
		},
		"no device": {
			ended: Ended{Stdout: none, Stderr: []byte("ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected\n")},
			says:  "sees no device: ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device",
		},
		"architecture": {
			ended: Ended{Exit: -1, Signal: syscall.SIGABRT, Stderr: []byte(noise + "CUDA error: no kernel image is available for execution on the device\n  in function f\n")},
			says:  "built for architectures 86-real and not for this GPU (CUDA error",
		},
		"crash":          {ended: Ended{Exit: -1, Signal: syscall.SIGSEGV}, says: "died of signal 11 (segmentation fault)"},
		"crash, a board": {ended: Ended{Exit: -1, Signal: syscall.SIGSEGV, Stdout: good, Stderr: []byte(noise)}, says: "died of signal 11 (segmentation fault): Device 0"},
		"hang":           {ended: Ended{Exit: -1, Signal: syscall.SIGKILL, Late: true}, says: "did not end within 1m0s"},
		"half a report":  {ended: Ended{Stdout: good[:20]}, says: "the GPU probe's answer"},
		"silent failure": {ended: Ended{Exit: 3}, says: "does not run here: exit status 3"},
		"no child":       {err: errors.New("no memory"), says: "was not started: no memory"},
	} {
		t.Run(name, func(t *testing.T) {
			l := &Library{Architectures: "86-real", Toolkit: "13.0.88"}
			devices, err := Probe(t.Context(), l, time.Minute, func(_ context.Context, _ []*os.File, d time.Duration) (Ended, error) {
				require.Equal(t, time.Minute, d)
				return c.ended, c.err
			})
			if c.says == "" {
				require.NoError(t, err)
				require.Equal(t, []Device{board}, devices)
				require.Equal(t, "cuda:NVIDIA RTX A2000", devices[0].Label())
				return
			}
			require.Empty(t, devices)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestProbeBoundsWhatTheLibrarySays(t *testing.T) {
	_, err := Probe(t.Context(), &Library{}, time.Minute, func(context.Context, []*os.File, time.Duration) (Ended, error) {
		return Ended{Exit: 1, Stderr: []byte(strings.Repeat("\x1b[31mx", 5000))}, nil
	})
	require.Error(t, err)
	require.Less(t, len(err.Error()), 400)
}
