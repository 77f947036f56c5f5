package doctor

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/cpu"
)

// ports says whether the server can have the addresses that the settings name, or has them.
func (d *doctor) ports(context.Context) {
	const name = "ports"
	taken, known := d.listening()
	running := d.locked(serveLock)
	for _, p := range d.o.Ports {
		_, text, err := net.SplitHostPort(p.Address)
		if err != nil {
			continue // the settings' own check has said so
		}
		port, err := strconv.Atoi(text)
		if err != nil || port == 0 {
			continue
		}
		where := p.Address + " (" + p.Setting + ")"
		switch {
		case !known:
			d.warn(name, where+": the kernel does not say who listens", "look with ss -ltn")
		case running && taken[port]:
			d.ok(name, where+": the server is running")
		case running:
			d.warn(name, where+": a server runs on this folder and does not listen there", "it was started with other settings, or in another network namespace")
		case taken[port]:
			d.fail(name, where+": something else listens there", "stop it, or give another address; ss -ltnp names it")
		case port < 1024 && os.Geteuid() != 0:
			d.warn(name, where+": ports below 1024 need a privilege", "give another port, or AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit")
		default:
			d.ok(name, where+" is free")
		}
	}
}

// processor lists what the engine can use. Without the second generation of vector instructions it is several times slower.
func (d *doctor) processor(context.Context) {
	const name = "processor"
	cores := fmt.Sprintf("%d of %d cores may be used", runtime.GOMAXPROCS(0), runtime.NumCPU())
	if limit, ok := d.coreLimit(); ok {
		cores += fmt.Sprintf(", the container's limit is %.1f", limit)
	}
	if runtime.GOARCH != "amd64" {
		d.ok(name, runtime.GOARCH+", "+cores)
		return
	}
	var have, lack []string
	for _, f := range []struct {
		name string
		has  bool
		need bool
	}{
		{"AVX", cpu.X86.HasAVX, true},
		{"AVX2", cpu.X86.HasAVX2, true},
		{"FMA", cpu.X86.HasFMA, true},
		{"F16C", d.cpuFlag("f16c"), true},
		{"AVX512", cpu.X86.HasAVX512F, false},
		{"AVX512-VNNI", cpu.X86.HasAVX512VNNI, false},
		{"AMX", cpu.X86.HasAMXInt8, false},
	} {
		switch {
		case f.has:
			have = append(have, f.name)
		case f.need:
			lack = append(lack, f.name)
		}
	}
	if len(lack) > 0 {
		d.warn(name, "lacks "+strings.Join(lack, ", ")+": models run several times slower; "+cores, "use a machine from 2015 or later, or let the virtual machine pass the host's processor on")
		return
	}
	d.ok(name, strings.Join(have, " ")+"; "+cores)
}

// cpuFlag says that the kernel lists a feature that the library above does not know.
func (d *doctor) cpuFlag(flag string) bool {
	text, err := os.ReadFile(filepath.Join(d.o.Proc, "cpuinfo"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "flags") {
			_, list, _ := strings.Cut(line, ":")
			for f := range strings.FieldsSeq(list) {
				if f == flag {
					return true
				}
			}
			return false
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

// leastMemory is what the server, its database and guard-nano need with some room.
const leastMemory = 512 << 20

// memory looks at what there is and what the container allows.
func (d *doctor) memory(context.Context) {
	const name = "memory"
	total, available := d.memoryInfo()
	if total == 0 {
		d.warn(name, "the kernel does not say how much there is", "look with free -h")
		return
	}
	text := fmt.Sprintf("%s of %s is available", bytesText(available), bytesText(total))
	if limit, ok := number(d.o.Sys, "fs", "cgroup", "memory.max"); ok {
		used, _ := number(d.o.Sys, "fs", "cgroup", "memory.current")
		available = min(available, limit-min(used, limit))
		text += ", the container's limit is " + bytesText(limit)
	}
	if available < leastMemory {
		d.warn(name, text, "free some, or raise the container's limit: the server needs 512 MiB and each model its size once more")
		return
	}
	d.ok(name, text)
}

// gpu says whether one is seen. Nothing is loaded to find out.
func (d *doctor) gpu(context.Context) {
	for _, g := range []struct{ path, what string }{
		{filepath.Join(d.o.Proc, "driver", "nvidia", "version"), "an NVIDIA driver is loaded"},
		{filepath.Join(d.o.Dev, "nvidia0"), "an NVIDIA device is here"},
		{filepath.Join(d.o.Dev, "kfd"), "an AMD device is here"},
	} {
		if _, err := os.Stat(g.path); err == nil {
			d.ok("gpu", g.what+"; this release runs models on the processor")
			return
		}
	}
	d.ok("gpu", "none is seen; models run on the processor")
}
