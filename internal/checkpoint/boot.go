package checkpoint

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Boot is one start of the machine, and the milliseconds since then, sleep included. Nobody sets that clock: held against the
// other one it shows that time was turned.
type Boot struct {
	ID string
	MS int64
}

// ReadBoot asks the kernel.
func ReadBoot() (Boot, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Boot{}, err
	}
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return Boot{}, err
	}
	return Boot{strings.TrimSpace(string(id)), t.Nano() / 1e6}, nil
}
