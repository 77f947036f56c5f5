package doctor_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/doctor"
	"guardhouse/internal/gpu"
)

func TestTheGPUSaysWhatModelsRunOn(t *testing.T) {
	board := gpu.Device{Name: "CUDA0", Description: "NVIDIA RTX A2000", Free: 11 << 30, Total: 12 << 30, Major: 8, Minor: 6}
	for name, c := range map[string]struct {
		device string // of the kernel's list
		host   *gpu.Host
		err    error
		status doctor.Status
		code   string
		says   string
	}{
		"nothing":             {"", &gpu.Host{Absent: true, Why: "no GPU library is installed in /x"}, nil, doctor.OK, "gpu_none", "none is seen"},
		"a board, no library": {"nvidia0", &gpu.Host{Absent: true, Why: "no GPU library is installed in /x"}, nil, doctor.OK, "gpu_no_library", "no GPU library is installed in /x"},
		"another's board":     {"kfd", &gpu.Host{Absent: true}, nil, doctor.OK, "gpu_unused", "only NVIDIA's are used"},
		"switched off":        {"nvidia0", &gpu.Host{Why: "engine.gpu_layers is 0"}, nil, doctor.OK, "gpu_off", "models run on the processor"},
		"in use": {
			"nvidia0", &gpu.Host{Wanted: gpu.AllLayers, Devices: []gpu.Device{board, {Description: "Other"}}, Library: &gpu.Library{SHA256: "feed", Architectures: "80-real;86-real"}}, nil,
			doctor.OK, "gpu_ready", "models run on NVIDIA RTX A2000 (CUDA0, compute capability 8.6, 11.0 GiB of 12.0 GiB free)",
		},
		"it crashed":  {"nvidia0", &gpu.Host{Wanted: gpu.AllLayers, Why: "the GPU probe died of signal 6"}, nil, doctor.Warn, "gpu_refused", "died of signal 6"},
		"folder 0777": {"", nil, &gpu.UnsafeError{Path: "/x", Why: "can be written to by others (mode 0777; chmod go-w)"}, doctor.Fail, "gpu_unsafe", "engine.gpu_library: /x can be written to"},
		"unknown":     {"", nil, errors.New("broken"), doctor.Warn, "gpu_refused", "could not be looked at"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(filepath.Join(t.TempDir(), "data"))
			o.Dev, o.Proc = t.TempDir(), t.TempDir()
			if c.device != "" {
				require.NoError(t, os.WriteFile(filepath.Join(o.Dev, c.device), nil, 0o600))
			}
			o.GPU = func(context.Context) (*gpu.Host, error) { return c.host, c.err }
			for _, check := range run(t, o).Checks {
				if check.Name == "gpu" {
					require.Equal(t, c.status, check.Status)
					require.Equal(t, c.code, check.Code)
					require.Contains(t, check.Detail, c.says)
					return
				}
			}
			t.Fatal("nothing was said")
		})
	}
}
