//go:build nollama

package llamacpp

// Kernels answers "": this build has no engine that could be asked.
func Kernels(string) string { return "" }
