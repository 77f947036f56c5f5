//go:build !nollama

package llamacpp

import (
	"os"
	"path/filepath"
	"testing"
)

// smol answers the file of a small chat model, which scripts/setup.sh test puts there. A run without it says so.
func smol(t testing.TB) string {
	t.Helper()
	name := filepath.Join("..", "..", "..", ".tools", "models", "smollm2-135m-instruct-q4_1.gguf")
	if _, err := os.Stat(name); err != nil {
		t.Skipf("not run: %s needs the chat model that scripts/setup.sh test installs", t.Name())
	}
	return name
}
