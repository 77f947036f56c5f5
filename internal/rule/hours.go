package rule

import (
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the zones stand in the program, for machines without them; where there are some, the machine's come first
)

const (
	minutesADay = 24 * 60
	maxSpans    = 32
	maxZone     = 64
	maxHours    = 1024
)

// Hours are hours of the week as the wall clocks of one time zone show them. Where clocks are put forward, the hour that no
// clock shows is skipped: hours that lie in it whole do not hold that day. Where they are put back, the hour that is shown
// twice counts both times. Hours that cross midnight belong to the day on which they begin: "Fri 22:00-06:00" ends on
// Saturday morning. The first minute is in, the last is out. The zero value never holds.
type Hours struct {
	zone  *time.Location
	spans []span
	text  string
}

// span is some days' hours in minutes after midnight; to at or below from lies in the next day.
type span struct {
	days     [7]bool // by time.Weekday
	from, to int
}

// ParseHours reads DAYS TIMES ZONE, such as "Mon-Fri 08:00-18:00 Asia/Shanghai". DAYS are days and ranges of them with commas
// between (Mon,Wed,Fri-Sun; Sun-Mon goes over the week's end), TIMES ranges with commas between (08:00-12:00,13:00-24:00;
// 22:00-06:00 crosses midnight), and further DAYS TIMES may follow after ';' before the zone, which is UTC or an IANA name of
// an area and a place. It refuses ranges from a day or time to the same one, 24:00 as a beginning, other spellings, and names
// such as Local, localtime and Factory, which are another zone on another machine.
func ParseHours(text string) (Hours, error) { return NewParser().hours(text) }

func (p *Parser) hours(text string) (Hours, error) {
	const want = "must be hours such as Mon-Fri 08:00-18:00 Asia/Shanghai"
	var h Hours
	if len(text) > maxHours {
		return h, invalid(want)
	}
	groups := strings.Split(text, ";")
	var canon []string
	for i, g := range groups {
		words := strings.FieldsFunc(g, func(r rune) bool { return r == ' ' })
		last := i == len(groups)-1
		if last && len(words) == 3 {
			var err error
			if h.zone, err = p.zone(words[2]); err != nil {
				return Hours{}, err
			}
		} else if last || len(words) != 2 {
			return Hours{}, invalid(want)
		}
		days, ok := parseDays(words[0])
		if !ok || !h.add(days, words[1]) {
			return Hours{}, invalid(want)
		}
		canon = append(canon, words[0]+" "+words[1])
	}
	h.text = strings.Join(canon, "; ") + " " + h.zone.String()
	if len(h.text) > maxHours {
		return Hours{}, invalid(want)
	}
	return h, nil
}

// zone answers a time zone by its name. Parts of names begin with capitals, which keeps right/ (it counts leap seconds) out.
func (p *Parser) zone(name string) (*time.Location, error) {
	const want = "must end in a time zone such as Asia/Shanghai or UTC"
	if z := p.zones[name]; z != nil {
		return z, nil
	}
	plain := strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_+-") == ""
	capital := func(part string) bool { return part != "" && part[0] >= 'A' && part[0] <= 'Z' }
	parts := strings.Split(name, "/")
	if !plain || len(name) > maxZone || name != "UTC" && len(parts) < 2 || slices.ContainsFunc(parts, func(s string) bool { return !capital(s) }) {
		return nil, invalid(want)
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil, invalid(want)
	}
	p.zones[name] = z
	return z, nil
}

// add takes over the hours of some days, and says whether they could be read.
func (h *Hours) add(days [7]bool, times string) bool {
	for part := range strings.SplitSeq(times, ",") {
		a, b, found := strings.Cut(part, "-")
		from, ok1 := parseClock(a)
		to, ok2 := parseClock(b)
		if !found || !ok1 || !ok2 || from == to || from == minutesADay || len(h.spans) == maxSpans {
			return false
		}
		h.spans = append(h.spans, span{days, from, to})
	}
	return true
}

func parseDays(text string) (days [7]bool, ok bool) {
	for part := range strings.SplitSeq(text, ",") {
		a, b, isRange := strings.Cut(part, "-")
		first, last := parseDay(a), parseDay(b)
		if !isRange {
			last = first
		}
		if first < 0 || last < 0 || isRange && first == last {
			return days, false
		}
		for d := first; ; d = (d + 1) % 7 {
			days[d] = true
			if d == last {
				break
			}
		}
	}
	return days, true
}

// parseDay answers -1 for a word that is no day.
func parseDay(word string) int {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if d.String()[:3] == word {
			return int(d)
		}
	}
	return -1
}

// parseClock reads HH:MM, up to 24:00, in minutes.
func parseClock(text string) (int, bool) {
	if len(text) != 5 || text[2] != ':' {
		return 0, false
	}
	n := 0
	for i, c := range []byte{text[0], text[1], text[3], text[4]} {
		if c < '0' || c > '9' || i == 2 && c > '5' {
			return 0, false
		}
		n = n*[]int{10, 10, 6, 10}[i] + int(c-'0')
	}
	return n, n <= minutesADay
}

// String is the spelling that it was read from, with single spaces.
func (h Hours) String() string { return h.text }
