package doctor

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"guardhouse/internal/isa"
)

// fast is the level below which models run several times slower.
const fast = "x86-64-v3"

// processor says what the engine computes with, and why that is less than the machine could do. A processor that lacks what
// the binary was compiled for is never seen here: the program refuses it as it starts.
func (d *doctor) processor(context.Context) {
	const name = "processor"
	sets := d.o.Sets
	if sets == nil {
		sets = isa.Sets()
	}
	text, values := d.instructions(sets)+"; "+d.cores(), d.values(sets)
	lacks, unused := isa.Missing(fast, sets, isHere), isa.Missing(fast, sets, isBuilt)
	switch {
	case len(lacks) > 0:
		d.warn(name, "lacks "+strings.Join(lacks, ", ")+": models run several times slower; "+text,
			"use a machine from 2015 or later, or let the virtual machine pass the host's processor on").as("processor_lacks", append(values, "sets", strings.Join(lacks, ", "))...)
	case len(unused) > 0:
		d.warn(name, "this binary was compiled without "+strings.Join(unused, ", ")+": models run several times slower than here is possible; "+text,
			"take the release binary, or build with GH_MARCH="+fast).as("processor_unused", append(values, "sets", strings.Join(unused, ", "))...)
	case d.o.Kernels != "" && d.o.Kernels != d.o.KernelsAuto:
		d.warn(name, "engine.kernels gives kernels "+d.o.Kernels+" where "+d.o.KernelsAuto+" runs, which is faster; "+text,
			"leave engine.kernels at auto, unless a comparison is the purpose").as("processor_kernels", append(values, "given", d.o.Kernels, "auto", d.o.KernelsAuto)...)
	default:
		d.ok(name, text, d.virtual(sets)...).as("processor", values...)
	}
}

// values is what the text says, piece by piece; what is not known is "none".
func (d *doctor) values(sets []isa.Set) []any {
	return []any{
		"level", cmp.Or(isa.Level(sets, isHere), runtime.GOARCH), "built", cmp.Or(isa.Level(sets, isBuilt), "none"),
		"kernels", cmp.Or(d.o.Kernels, "none"), "cores", int64(runtime.GOMAXPROCS(0)), "of", int64(runtime.NumCPU()),
	}
}

func isHere(s isa.Set) bool  { return s.Here }
func isBuilt(s isa.Set) bool { return s.Built }

// instructions is what the processor has, what the binary was compiled for, and the kernels chosen from both.
func (d *doctor) instructions(sets []isa.Set) string {
	text := isa.Level(sets, isHere)
	if text == "" {
		text = runtime.GOARCH
	}
	for _, s := range sets {
		// Products of bytes in one instruction: what quantised weights gain most from.
		if s.Here && slices.Contains([]string{"AVX512-VNNI", "AVX-VNNI", "AVX512-BF16", "DOTPROD", "I8MM"}, s.Name) {
			text += " " + s.Name
		}
	}
	if built := isa.Level(sets, isBuilt); built != "" {
		text += ", binary for " + built
	}
	if d.o.Kernels != "" {
		text += ", kernels " + d.o.Kernels
	}
	return text
}

// virtual says where a virtual machine may hide the best of its host.
func (d *doctor) virtual(sets []isa.Set) []string {
	if !d.cpuFlag("hypervisor") || slices.ContainsFunc(sets, func(s isa.Set) bool { return s.Here && strings.HasSuffix(s.Name, "VNNI") }) {
		return nil
	}
	return []string{"a virtual machine without VNNI: where its host has it (servers since about 2019), pass the host's processor on " +
		"(QEMU: -cpu host, libvirt: host-passthrough), and models run faster"}
}

// cores is how many there are and how many of them may be used.
func (d *doctor) cores() string {
	text := fmt.Sprintf("%d of %d cores may be used", runtime.GOMAXPROCS(0), runtime.NumCPU())
	if limit, ok := d.coreLimit(); ok {
		text += fmt.Sprintf(", the container's limit is %.1f", limit)
	}
	return text
}

// cpuFlag says that the kernel lists a feature of the processor.
func (d *doctor) cpuFlag(flag string) bool {
	text, err := os.ReadFile(filepath.Join(d.o.Proc, "cpuinfo"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "flags") {
			_, list, _ := strings.Cut(line, ":")
			return slices.Contains(strings.Fields(list), flag)
		}
	}
	return false
}

// coreLimit answers the container's share of the processors.
func (d *doctor) coreLimit() (float64, bool) {
	text, err := os.ReadFile(filepath.Join(d.o.Sys, "fs", "cgroup", "cpu.max"))
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text))
	if len(fields) != 2 {
		return 0, false
	}
	quota, err := strconv.ParseFloat(fields[0], 64)
	period, perr := strconv.ParseFloat(fields[1], 64)
	if err != nil || perr != nil || period <= 0 { // "max" is no limit
		return 0, false
	}
	return quota / period, true
}
