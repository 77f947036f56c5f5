package doctor

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
)

// ports says whether the server can have the addresses that the settings name, or has them.
func (d *doctor) ports(context.Context) {
	const name = "ports"
	taken, known := d.listening()
	running := d.served()
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
			d.warn(name, where+": the kernel does not say who listens", "look with ss -ltn").as("port_unknown", "address", p.Address, "setting", p.Setting).run("ss -ltn")
		case running && taken[port]:
			d.ok(name, where+": the server is running").as("port_served", "address", p.Address, "setting", p.Setting)
		case running:
			d.warn(name, where+": a server runs on this folder and does not listen there", "it was started with other settings, or in another network namespace").as("port_elsewhere", "address", p.Address, "setting", p.Setting)
		case taken[port]:
			d.fail(name, where+": something else listens there", "stop it, or give another address; ss -ltnp names it").as("port_taken", "address", p.Address, "setting", p.Setting).run("ss -ltnp")
		case port < 1024 && os.Geteuid() != 0:
			d.warn(name, where+": ports below 1024 need a privilege", "give another port, or AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit").as("port_low", "address", p.Address, "setting", p.Setting)
		default:
			d.ok(name, where+" is free").as("port_free", "address", p.Address, "setting", p.Setting)
		}
	}
}

// leastMemory is what the server, its database and guard-nano need with some room.
const leastMemory = 512 << 20

// memory looks at what there is and what the container allows.
func (d *doctor) memory(context.Context) {
	const name = "memory"
	total, available := d.memoryInfo()
	if total == 0 {
		d.warn(name, "the kernel does not say how much there is", "look with free -h").as("memory_unknown").run("free -h")
		return
	}
	bound := int64(0)
	text := fmt.Sprintf("%s of %s is available", bytesText(available), bytesText(total))
	if limit, ok := number(d.o.Sys, "fs", "cgroup", "memory.max"); ok {
		text += ", the container's limit is " + bytesText(limit)
		bound = whole(limit)
	}
	if d.memoryRoom() < leastMemory {
		d.warn(name, text, "free some, or raise the container's limit: the server needs 512 MiB and each model its size once more").as("memory_low", "available", whole(available), "total", whole(total), "limit", bound)
		return
	}
	d.ok(name, text).as("memory", "available", whole(available), "total", whole(total), "limit", bound)
}

// memoryRoom answers the memory that is available, no more than the container's limit leaves; 0 = unknown.
func (d *doctor) memoryRoom() uint64 {
	_, available := d.memoryInfo()
	if limit, ok := number(d.o.Sys, "fs", "cgroup", "memory.max"); ok {
		used, _ := number(d.o.Sys, "fs", "cgroup", "memory.current")
		available = min(available, limit-min(used, limit))
	}
	return available
}
