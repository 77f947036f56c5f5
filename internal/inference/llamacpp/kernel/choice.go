//go:build !nollama

package kernel

// Choice answers which kernels Install would make the engine compute with, "none" where none of them run here. It asks the
// processor and loads nothing.
func Choice(wanted string) string {
	names := []string{wanted}
	if wanted == "auto" || wanted == "" {
		names = []string{"avx512", "avx2", "neon"} // the fastest first
	}
	for _, name := range names {
		if Runs(name) {
			return name
		}
	}
	return "none"
}
