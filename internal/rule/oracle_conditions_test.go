package rule_test

import (
	"bytes"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// oracleHolds says whether every condition but the rate holds. A person or key of unknown address could be anywhere: a deny
// for some addresses holds for them, an allow does not. The system has no address and is nowhere.
func oracleHolds(r oracleRule, q oracleRequest) bool {
	unknown := q.IP == "" && !q.System
	if len(r.IPRanges) > 0 && !oracleInAny(r.IPRanges, q.IP) && !(r.Deny && unknown) {
		return false
	}
	if r.From != "" && q.At.Before(oracleTime(r.From)) {
		return false
	}
	if r.Until != "" && !q.At.Before(oracleTime(r.Until)) {
		return false
	}
	if r.Hours != "" && !oracleHours(oracleWindows(r.Hours), q.At) {
		return false
	}
	if r.Purpose && q.Purpose == "" {
		return false
	}
	return true
}

// must answers v. The oracle reads what this file's own generator wrote.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprint("the oracle can't read its own text: ", err))
	}
	return v
}

func oracleTime(text string) time.Time { return must(time.Parse(time.RFC3339Nano, text)) }

func oracleInAny(ranges []string, address string) bool {
	for _, r := range ranges {
		if oracleInRange(r, address) {
			return true
		}
	}
	return false
}

// oracleInRange compares numbers: an address is in a range when it differs from the range's first address by less than the
// range's size. An address of the other family and one that is missing are in none. The zone of a link-local address says by
// which cable it came and is no part of it.
func oracleInRange(text, address string) bool {
	base, length, _ := strings.Cut(text, "/")
	low, ip := oracleBytes(base), oracleBytes(address)
	if ip == nil || len(low) != len(ip) {
		return false
	}
	bits := len(low) * 8
	if length != "" {
		bits = must(strconv.Atoi(length))
	}
	size := new(big.Int).Lsh(big.NewInt(1), uint(len(low)*8-bits))
	first := new(big.Int).SetBytes(low)
	first.Sub(first, new(big.Int).Mod(first, size))
	distance := new(big.Int).Sub(new(big.Int).SetBytes(ip), first)
	return distance.Sign() >= 0 && distance.Cmp(size) < 0
}

// oracleBytes is an address as 4 or 16 bytes, an IPv4 address in IPv6 clothes as 4; nil for none.
func oracleBytes(text string) []byte {
	text, _, _ = strings.Cut(text, "%")
	ip := net.ParseIP(text)
	if four := ip.To4(); four != nil {
		return four
	}
	return ip
}

// oracleWindow is "Mon-Fri,Sun 08:00-18:00" of "Mon-Fri,Sun 08:00-18:00 Europe/Berlin" taken apart, in minutes of the day.
type oracleWindow struct {
	days         string
	open, closes int
	zone         *time.Location
}

// oracleWindows reads hours: days and times, more times after a comma, more days and times after a semicolon, the zone.
func oracleWindows(text string) []oracleWindow {
	at := strings.LastIndex(text, " ")
	zone := must(time.LoadLocation(text[at+1:]))
	var out []oracleWindow
	for _, part := range strings.Split(text[:at], ";") {
		fields := strings.Fields(part)
		for _, span := range strings.Split(fields[1], ",") {
			opening, closing, _ := strings.Cut(span, "-")
			out = append(out, oracleWindow{fields[0], oracleMinute(opening), oracleMinute(closing), zone})
		}
	}
	return out
}

func oracleHours(windows []oracleWindow, at time.Time) bool {
	for _, w := range windows {
		if w.holds(at) {
			return true
		}
	}
	return false
}

// holds looks at the clock on the wall of the zone: at or after the opening minute and before the closing one, on a day that
// is named. A window that closes before it opens runs over midnight and belongs to the day on which it opened.
func (w oracleWindow) holds(at time.Time) bool {
	wall := at.In(w.zone)
	minute := wall.Hour()*60 + wall.Minute()
	today := int(wall.Weekday())
	yesterday := (today + 6) % 7
	if w.open < w.closes {
		return oracleDay(w.days, today) && minute >= w.open && minute < w.closes
	}
	return oracleDay(w.days, today) && minute >= w.open || oracleDay(w.days, yesterday) && minute < w.closes
}

func oracleMinute(text string) int {
	hour, minute, _ := strings.Cut(text, ":")
	return must(strconv.Atoi(hour))*60 + must(strconv.Atoi(minute))
}

// oracleDay walks from the first named day of each span to its last.
func oracleDay(days string, day int) bool {
	const names = "SunMonTueWedThuFriSat"
	for _, span := range strings.Split(days, ",") {
		first, last, _ := strings.Cut(span, "-")
		if last == "" {
			last = first
		}
		for d := strings.Index(names, first) / 3; ; d = (d + 1) % 7 {
			if d == day {
				return true
			}
			if d == strings.Index(names, last)/3 {
				break
			}
		}
	}
	return false
}

// The oracle itself, by hand: what it can't get right nobody should compare with.
func TestTheOracleKnowsItsAlphabet(t *testing.T) {
	for text, want := range map[string]bool{
		"10.0.0.0/8 10.0.0.0": true, "10.0.0.0/8 10.255.255.255": true, "10.0.0.0/8 11.0.0.0": false, "10.0.0.0/8 9.255.255.255": false,
		"10.0.0.0/8 ::ffff:10.1.2.3": true, "10.0.0.0/8 ": false, "0.0.0.0/0 ::1": false, "::/0 10.0.0.1": false, "fe80::/10 fe80::1%eth0": true, "fd00::/8 fe80::1%eth0": false,
		"2001:db8::/32 2001:db8:ffff::1": true, "2001:db8::/32 2001:db9::": false, "10.0.0.1/32 10.0.0.1": true, "10.0.0.1/32 10.0.0.2": false,
	} {
		network, address, _ := strings.Cut(text, " ")
		require.Equal(t, want, oracleInRange(network, address), text)
	}
	for text, want := range map[string]bool{
		"m m": true, "m n": false, "m* m": true, "m*": false, "* ": true, "*-1 m-1": true, "m*1 m-": false, "a*b*c axbxc": true, "a**c ac": true, "M m": false,
	} {
		pattern, model, _ := strings.Cut(text, " ")
		require.Equal(t, want, oracleGlob(pattern, model), text)
	}
	for at, want := range map[string]bool{ // 2026-01-02 was a Friday
		"2026-01-02T07:59:59.999999999+08:00": false, "2026-01-02T08:00:00+08:00": true, "2026-01-02T17:59:59.999999999+08:00": true,
		"2026-01-02T18:00:00+08:00": false, "2026-01-03T09:00:00+08:00": false,
	} {
		require.Equal(t, want, oracleHours(oracleWindows("Mon-Fri 08:00-18:00 Asia/Shanghai"), oracleTime(at)), at)
	}
	for at, want := range map[string]bool{
		"2026-01-02T22:00:00Z": true, "2026-01-03T05:59:59Z": true, "2026-01-03T06:00:00Z": false, "2026-01-03T22:00:00Z": false, "2026-01-02T05:00:00Z": false,
	} {
		require.Equal(t, want, oracleHours(oracleWindows("Fri 22:00-06:00 UTC"), oracleTime(at)), at)
	}
	require.True(t, oracleDay("Sat-Mon", 0))
	require.False(t, oracleDay("Sat-Mon", 2))
	require.True(t, bytes.Equal(oracleBytes("::ffff:1.2.3.4"), []byte{1, 2, 3, 4}))
}
