package doctor

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lockListed says that the kernel's list of locks has one on the file. A list that cannot be read has none.
func lockListed(list string, dev, inode uint64) bool {
	f, err := os.Open(list)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // read only
	want := fmt.Sprintf("%02x:%02x:%d", unix.Major(dev), unix.Minor(dev), inode)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// 1: FLOCK  ADVISORY  WRITE 1234 fd:01:1051234 0 EOF; one that waits has "->" before its kind.
		fields := strings.Fields(lines.Text())
		if len(fields) > 5 && fields[1] == "FLOCK" && fields[5] == want {
			return true
		}
	}
	return false
}

// listening answers the ports that something listens on, by what the kernel lists: opening one to find out would be in the
// way of a server that starts.
func (d *doctor) listening() (ports map[int]bool, known bool) {
	ports = map[int]bool{}
	for _, name := range []string{"tcp", "tcp6"} {
		f, err := os.Open(filepath.Join(d.o.Proc, "net", name))
		if err != nil {
			continue
		}
		known = true
		for lines := bufio.NewScanner(f); lines.Scan(); {
			// 0: 0100007F:20FB 00000000:0000 0A …: local address, remote address, state; 0A is listening.
			fields := strings.Fields(lines.Text())
			if len(fields) < 4 || fields[3] != "0A" {
				continue
			}
			if _, hex, ok := strings.Cut(fields[1], ":"); ok {
				if port, err := strconv.ParseUint(hex, 16, 16); err == nil {
					ports[int(port)] = true
				}
			}
		}
		_ = f.Close() // read only
	}
	return ports, known
}

// number reads a file that holds one number; "max" and what cannot be read is none.
func number(parts ...string) (uint64, bool) {
	text, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// memoryInfo answers two values of /proc/meminfo in bytes.
func (d *doctor) memoryInfo() (total, available uint64) {
	f, err := os.Open(filepath.Join(d.o.Proc, "meminfo"))
	if err != nil {
		return 0, 0
	}
	defer f.Close() //nolint:errcheck // read only
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		kib, err := strconv.ParseUint(fields[1], 10, 54)
		if err != nil {
			continue
		}
		switch fields[0] {
		case "MemTotal:":
			total = kib << 10
		case "MemAvailable:":
			available = kib << 10
		}
	}
	return total, available
}
