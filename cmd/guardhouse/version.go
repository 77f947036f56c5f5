package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/inference/llamacpp"
	"guardhouse/internal/isa"
)

func newVersion(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Example: "  guardhouse version --json",
		RunE: func(*cobra.Command, []string) error {
			info := buildInfo()
			if sh.json {
				return sh.printJSON(info)
			}
			_, err := fmt.Fprintf(sh.out, "guardhouse %s (%s, %s, engine %s)\ncompiled for %s\nprocessor %s, kernels %s\n",
				info["version"], info["commit"], info["go"], info["engine"], info["target"], info["processor"], info["kernels"])
			return err
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// buildInfo says what this binary is and what it runs on, without the engine: a processor is asked, no model is loaded.
func buildInfo() map[string]string {
	sets, b := isa.Sets(), thisBuild()
	info := map[string]string{
		"version": b.Version, "go": runtime.Version(), "commit": b.Commit, "engine": b.Engine, "platform": runtime.GOOS + "/" + runtime.GOARCH,
		"target":    isa.Describe(sets, func(s isa.Set) bool { return s.Built }),
		"processor": isa.Describe(sets, func(s isa.Set) bool { return s.Here }),
		"kernels":   cmp.Or(llamacpp.Kernels("auto"), "unknown"),
	}
	return info
}

// thisBuild says what this binary is, and asks nobody.
func thisBuild() app.Build {
	b := app.Build{Version: version, Commit: "unknown", Engine: "unknown"}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range build.Settings {
		if s.Key == "vcs.revision" {
			b.Commit = s.Value
		}
	}
	for _, dep := range build.Deps {
		if dep.Path == "github.com/ollama/ollama" {
			b.Engine = "llama.cpp of ollama " + dep.Version
		}
	}
	return b
}
