//go:build !nollama

package llamacpp

// extern const char * LLAMA_COMMIT; // llama/build-info.cpp of ollama
import "C"

import (
	"runtime/debug"
	"strings"
)

const engineModule = "github.com/ollama/ollama"

// runtimeOf names the engine's code: the module's version, its replacement's where there is one, and the commit of llama.cpp
// that the linked library says of itself. What stands in no build information is left out.
func runtimeOf(build *debug.BuildInfo) string {
	parts := []string{"ollama"}
	if build != nil {
		for _, dep := range build.Deps {
			if dep.Path != engineModule {
				continue
			}
			parts = append(parts, dep.Version)
			if dep.Replace != nil {
				parts = append(parts, "replaced by", strings.TrimSpace(dep.Replace.Path+" "+dep.Replace.Version))
			}
		}
	}
	parts = append(parts, "llama.cpp", C.GoString(C.LLAMA_COMMIT))
	return strings.Join(parts, " ")
}

// thisRuntime is runtimeOf this process.
func thisRuntime() string {
	build, _ := debug.ReadBuildInfo() // nil where there is none
	return runtimeOf(build)
}
