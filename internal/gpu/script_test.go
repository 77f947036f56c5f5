package gpu

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the script installs is what Open takes: the compilers are stood in for.
func TestWhatTheScriptInstallsIsTaken(t *testing.T) {
	for _, tool := range []string{"bash", "cc", "python3", "readelf", "strip", "sha256sum", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("not run: %s needs %s", t.Name(), tool)
		}
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	toolkit, bin, made, into := filepath.Join(dir, "toolkit"), filepath.Join(dir, "bin"), filepath.Join(dir, "made"), filepath.Join(dir, "installed")
	for _, folder := range []string{filepath.Join(toolkit, "bin"), filepath.Join(toolkit, "lib"), bin, made} {
		require.NoError(t, os.MkdirAll(folder, 0o700))
	}
	program := func(path, text string) {
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700))
	}
	program(filepath.Join(toolkit, "bin", "nvcc"), "echo 'Cuda compilation tools, release 13.0, V13.0.88'\n")
	program(filepath.Join(bin, "cmake"), `case "$*" in *--build*) mkdir -p "$2/lib/ollama" && cp "$MADE"/* "$2/lib/ollama" ;; *) echo "$@" >"$MADE.asked" ;; esac`+"\n")
	shared := func(path string, more ...string) {
		words := append([]string{"-shared", "-fPIC", "-Wl,--no-as-needed", "-o", path, "-x", "c", "/dev/null", "-x", "none"}, more...)
		out, err := exec.CommandContext(t.Context(), "cc", words...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	for _, name := range []string{"libcudart.so.13", "libcublas.so.13", "libcublasLt.so.13"} {
		shared(filepath.Join(toolkit, "lib", name))
	}
	shared(filepath.Join(made, "libggml-base.so.0"))
	driver := filepath.Join(dir, "libcuda.so")
	shared(driver, "-Wl,-soname,libcuda.so.1")
	shared(filepath.Join(made, backend), driver)

	run := func(more ...string) (string, error) {
		c := exec.CommandContext(t.Context(), "bash", append([]string{filepath.Join("..", "..", "scripts", "build-cuda.sh"), "--cuda", toolkit, "--build", filepath.Join(dir, "build"), "--into", into}, more...)...)
		c.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "MADE="+made)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	said, err := run("--arch", "86-real,89", "--jobs", "1")
	require.NoError(t, err, said)
	asked, err := os.ReadFile(made + ".asked")
	require.NoError(t, err)
	l, err := Open(into, "")
	require.NoError(t, err)
	require.Equal(t, "86-real;89", l.Architectures)
	require.Equal(t, "13.0.88", l.Toolkit)
	require.Len(t, l.Files, 5)
	require.NoError(t, l.Close())
	require.Contains(t, said, "SHA-256 of the manifest, for engine.gpu_library_sha256: "+l.SHA256)

	said, err = run("--arch", "86-real,89", "--jobs", "4")
	require.NoError(t, err, said)
	again, err := os.ReadFile(made + ".asked")
	require.NoError(t, err)
	require.Equal(t, string(asked), string(again), "with other flags all would be compiled again")

	said, err = run() // ollama's own list, over what is there
	require.NoError(t, err, said)
	l, err = Open(into, "")
	require.NoError(t, err)
	require.Contains(t, l.Architectures, "75-virtual;80-virtual;86-virtual")
	require.NoError(t, l.Close())

	shared(filepath.Join(made, backend))
	said, err = run()
	require.Error(t, err)
	require.Contains(t, said, "does not ask for the driver", "a link that left it out runs nowhere")

	require.NoError(t, os.Remove(filepath.Join(made, backend)))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "build")))
	said, err = run()
	require.Error(t, err)
	require.Contains(t, said, backend+" is missing")
	_, err = run("--what")
	require.Error(t, err)
}
