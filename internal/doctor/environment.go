package doctor

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// environment looks at variables by name; their values may be secrets and are never shown.
func (d *doctor) environment(context.Context) {
	const name = "environment"
	before := len(d.report.Checks)
	if len(d.o.Unknown) > 0 {
		d.fail(name, "no settings: "+strings.Join(d.o.Unknown, ", "), "remove them or correct their spelling: the server does not start with them").as("environment_unknown", "names", strings.Join(d.o.Unknown, ", "))
	}
	set := map[string]bool{}
	values := map[string]string{}
	for _, pair := range d.o.Environ {
		key, value, _ := strings.Cut(pair, "=")
		set[key], values[key] = value != "", value
	}
	for _, v := range []struct{ names, code, why, do string }{
		{"LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT", "environment_code", "puts other code into the server", "unset it for the service"},
		{"GGML_BACKEND_PATH OLLAMA_LIBRARY_PATH", "environment_engine", "names a library for the engine; it is taken out before the engine starts", "unset it for the service"},
		{"HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy", "environment_proxy", "is set; the server itself calls nobody, but clients on this machine may send requests to it through a proxy", "add the server's name to NO_PROXY for those clients"},
	} {
		var found []string
		for key := range strings.FieldsSeq(v.names) {
			if set[key] {
				found = append(found, key)
			}
		}
		if len(found) > 0 {
			d.warn(name, strings.Join(found, ", ")+" "+v.why, v.do).as(v.code, "names", strings.Join(found, ", "))
		}
	}
	if slices.Contains([]string{"crash", "wer"}, values["GOTRACEBACK"]) {
		d.warn(name, "GOTRACEBACK asks for a core file at a crash, which would hold content and keys", "unset GOTRACEBACK for the service").as("environment_core")
	}
	d.limits(name)
	if len(d.report.Checks) == before {
		d.ok(name, "nothing in it changes what the server does").as("environment")
	}
}

// limits looks at what the kernel allows.
func (d *doctor) limits(name string) {
	var files syscall.Rlimit
	const fewest = 1024
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil && files.Cur < fewest {
		d.warn(name, "this shell may open "+count(files.Cur, "file")+" at once", "allow at least 1024, for example LimitNOFILE=65536 in the unit").as("environment_files", "count", whole(files.Cur))
	}
	// The first line is a heading.
	if swaps, err := os.ReadFile(filepath.Join(d.o.Proc, "swaps")); err == nil && strings.Count(strings.TrimSpace(string(swaps)), "\n") > 0 {
		d.warn(name, "swap is on: texts in memory may reach its disk", "encrypt the swap, or switch it off with MemorySwapMax=0 in the unit").as("environment_swap")
	}
}
