package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// driftMost is how far two clocks of one machine may be apart before somebody should look.
const driftMost = time.Minute

// madeIn is before any release: a clock that shows less was never set.
const madeIn = 2026

// clock holds the system's time against the machine's own clock, and asks whether something keeps it right. Rows, sessions
// and certificates live by it.
func (d *doctor) clock(context.Context) {
	const name, set = "clock", "set the clock and keep it with NTP (chrony, systemd-timesyncd)"
	now := d.o.Now()
	if now.Year() < madeIn {
		d.fail(name, "shows "+now.UTC().Format(time.DateTime), set).as("clock_unset", "at", now.UTC().Format(time.RFC3339)).run("timedatectl set-ntp true")
		return
	}
	if rtc, ok := d.hardwareClock(); ok {
		if apart := now.Sub(rtc).Abs(); apart > driftMost {
			d.warn(name, fmt.Sprintf("is %s away from the machine's own clock", apart.Round(time.Second)), set+", then hwclock --systohc").as("clock_apart", "seconds", int64(apart/time.Second)).run("timedatectl set-ntp true && hwclock --systohc")
			return
		}
	}
	var t unix.Timex // no modes: it is only read
	if state, err := unix.Adjtimex(&t); err == nil && state == unix.TIME_ERROR {
		d.warn(name, "nothing keeps it right: the kernel says that it is not synchronised", set).as("clock_unkept").run("timedatectl set-ntp true")
		return
	}
	d.ok(name, "shows "+now.UTC().Format(time.DateTime)+" UTC").as("clock", "at", now.UTC().Format(time.RFC3339))
}

// hardwareClock answers what the machine's own clock shows, where there is one that the kernel tells of.
func (d *doctor) hardwareClock() (time.Time, bool) {
	text, err := os.ReadFile(filepath.Join(d.o.Sys, "class", "rtc", "rtc0", "since_epoch"))
	if err != nil {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0), true
}
