package llamacpp

import (
	"fmt"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

const (
	// roomShare is the part of the memory that is there which chosen numbers may take: the rest is for what else runs. Given
	// numbers may take all of it.
	roomShare = 0.75
	// rowsPerQuery are the rows of logits that one query wants in one pass: its own, and one for each drafted id.
	rowsPerQuery = 8
)

// memoryRoom answers the bytes that this process can still take: what the kernel has available, no more than what the
// control groups leave. Files in their page cache count as free. 0 = unknown.
func memoryRoom(root fs.FS) int64 {
	room := int64(0)
	for line := range strings.Lines(readText(root, "proc/meminfo")) {
		if rest, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err == nil && kib > 0 && kib < math.MaxInt64>>10 {
				room = kib << 10
			}
		}
	}
	eachGroup(root, func(controllers, dir string) {
		if left, ok := groupRoom(root, controllers, dir); ok && (room == 0 || left < room) {
			room = left
		}
	})
	return room
}

// roomOf answers what of the memory that is there a spec may take.
func roomOf(s inference.Spec, there int64) int64 {
	if s.Room > 0 && (there == 0 || s.Room < there) {
		return s.Room
	}
	return there
}

// groupRoom answers what one control group leaves, false where it has no limit on memory.
func groupRoom(root fs.FS, controllers, dir string) (int64, bool) {
	base, limit, used := path.Join("sys/fs/cgroup", dir), "memory.max", "memory.current"
	switch {
	case controllers == "":
	case hasController(controllers, "memory"):
		base, limit, used = path.Join("sys/fs/cgroup", controllers, dir), "memory.limit_in_bytes", "memory.usage_in_bytes"
	default:
		return 0, false
	}
	most, err := strconv.ParseInt(readText(root, path.Join(base, limit)), 10, 64)
	if err != nil || most <= 0 || most > 1<<60 { // "max", and what version 1 writes for none
		return 0, false
	}
	taken, err := strconv.ParseInt(readText(root, path.Join(base, used)), 10, 64)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(readText(root, path.Join(base, "memory.stat"))) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "inactive_file" || name == "active_file" {
			n, err := strconv.ParseInt(value, 10, 64)
			if err == nil && n > 0 {
				taken -= n
			}
		}
	}
	return max(1, most-max(0, taken)), true
}

// need is what a model's contexts take, before they are made.
type need struct {
	cell  int64 // bytes of one cell of the cache; 0 = unknown
	vocab int
	heads int
}

// of answers the bytes of all lanes. The engine reserves a row of logits for every id of the largest pass, and without flash
// attention a table of that pass against all cells for each head; its own account replaces this once a lane is open.
func (n need) of(l laneLimits, lanes int) int64 {
	return int64(lanes) * (n.cache(l) + n.compute(l) + n.rows(l))
}

// cache answers the bytes of one lane's keys and values.
func (n need) cache(l laneLimits) int64 { return l.cells() * n.cell }

// compute answers the most that the engine reserves for one lane between two operations.
func (n need) compute(l laneLimits) int64 {
	table := int64(6) // a mask, in f32 and f16
	if !l.flash {
		table += 4 * int64(n.heads)
	}
	return int64(l.batch) * (4*int64(n.vocab) + table*l.cells())
}

// rows answers the bytes of the logits that one lane's queries want in one pass.
func (n need) rows(l laneLimits) int64 { return 4 * int64(n.vocab) * int64(l.slots) * rowsPerQuery }

// cells answers the tokens that one lane has room for.
func (l laneLimits) cells() int64 {
	return int64(l.slots)*int64(l.slotTokens) + int64(l.shelves())*shelfIDs
}

// squeeze makes slots, then lanes fewer until the contexts fit into the room. What was given is not touched: where that
// does not fit it refuses with fault.Unprocessable, and says what is needed and what there is.
func (p *plan) squeeze(room int64) error {
	if room <= 0 {
		return nil
	}
	share, n := int64(float64(room)*roomShare), p.need
	usual := p.slots
	defer func() {
		if p.slots < usual {
			p.squeezed = usual
		}
	}()
	for n.of(p.lane, p.lanes) > share {
		switch {
		case !p.givenSlots && p.slots > max(p.lanes, slotsPerLane):
			p.deal(p.lanes, p.slots-1)
		case !p.givenLanes && p.lanes > 1:
			p.deal(p.lanes/2, p.slots)
		case !p.givenSlots && p.slots > p.lanes:
			p.deal(p.lanes, p.slots-1)
		case n.of(p.lane, p.lanes) <= room:
			return nil
		default:
			return fault.Wrap(inference.ErrNoRoom, fault.Unprocessable, fmt.Sprintf("%s and %s of %d tokens need %s of memory beside the model, %s is available",
				counted(p.lanes, "lane"), counted(p.slots, "slot"), p.slotTokens, mebibytes(n.of(p.lane, p.lanes)), mebibytes(room)))
		}
	}
	return nil
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20) }
