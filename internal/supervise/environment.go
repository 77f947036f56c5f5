package supervise

import (
	"slices"
	"strings"
)

// allowed are the variables that may reach native code: how Go finds programs and uses the machine, where certificates and temporary files lie, time
// zone, language, and which GPUs the process may see. All else, above all what loaders and the engine obey (threat M6), stays outside.
func allowed() []string {
	return []string{
		"PATH", "HOME", "GOMAXPROCS", "GOMEMLIMIT", "GOGC", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR", "TZ", "ZONEINFO", "LANG", "LANGUAGE",
		"CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES",
	}
}

// Environment answers what of environ a worker gets, and that an abort in native code starts no debugger (threat S5). Settings are
// not among it: they come with the start.
func Environment(environ []string) []string {
	var out []string
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if slices.Contains(allowed(), name) || strings.HasPrefix(name, "LC_") {
			out = append(out, pair)
		}
	}
	return append(out, "GGML_NO_BACKTRACE=1")
}

// Unwanted answers the names of the variables in environ that are neither allowed nor settings: what a worker without a parent has
// to take out of its own environment before native code runs.
func Unwanted(environ []string) []string {
	var out []string
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if !slices.Contains(allowed(), name) && !strings.HasPrefix(name, "LC_") && !strings.HasPrefix(name, "GUARDHOUSE_") {
			out = append(out, name)
		}
	}
	return out
}
