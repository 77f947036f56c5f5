package rule_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dice makes rule sets and requests that meet: few names, the same ones under every kind of principal, few models, and
// times and addresses taken from the borders of the set's own conditions. Equal seeds make equal cases.
type dice struct{ *rand.Rand }

func newDice(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 0x0acce55))} }

// in says yes once in n times.
func (d dice) in(n int) bool { return d.IntN(n) == 0 }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// some answers one to most different ones, in any order. What is given twice comes up more often.
func some[T comparable](d dice, most int, from ...T) []T {
	d.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	var out []T
	for _, v := range from[:1+d.IntN(min(most, len(from)))] {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

func (d dice) rules() []oracleRule {
	n := d.IntN(9)
	if d.in(200) {
		n = 40 + d.IntN(60)
	}
	plain := d.in(2) // half of the sets have few conditions, so that effects and principals collide
	ids := d.Perm(n)
	rules := make([]oracleRule, 0, n)
	for i := range n {
		r := oracleRule{
			ID:         fmt.Sprintf("r%d", ids[i]), // r10 sorts before r2
			Deny:       d.in(6),
			ReportOnly: d.in(5),
			Principals: d.principals(),
			Models:     some(d, 2, "guard", "guard", "guard-1", "image-1", "g", "guard-*", "*", "*-1", "g*d*", "**", "guard*", "*a*-*1", "other"),
			Operations: d.operations(),
		}
		if !plain || d.in(8) {
			d.conditions(&r)
		}
		if !r.Deny && d.in(3) {
			r.Rate = pick(d, "1/s", "6/min", "100req/min", "10次/分钟", "10/分钟", "5req/h", "3/day", "7/秒", "20/小时", "9/天", "2/hour", "4/sec", "8/d")
		}
		rules = append(rules, r)
	}
	return rules
}

func (d dice) principals() []string {
	if d.in(5) {
		return []string{"*"}
	}
	if d.in(4) {
		return []string{pick(d, "key:a", "key:b")}
	}
	return some(d, 3, "role:a", "role:b", "user:a", "user:b", "group:a", "group:b", "key:a", "key:b")
}

func (d dice) operations() []string {
	if d.in(5) {
		return []string{"*"}
	}
	return some(d, 2, "view", "infer", "infer", "infer", "train", "download")
}

func (d dice) conditions(r *oracleRule) {
	if d.in(4) {
		r.IPRanges = some(d, 3, "10.0.0.0/8", "10.0.0.0/9", "10.1.0.0/16", "10.0.0.1/32", "10.0.0.0/31", "0.0.0.0/0", "128.0.0.0/1", "192.168.1.64/26",
			"::/0", "2001:db8::/32", "2001:db8::/33", "2001:db8::1/128", "fd00::/8", "fe80::/10")
	}
	from, until := pick(d, times()...), pick(d, times()...)
	if oracleTime(until).Before(oracleTime(from)) {
		from, until = until, from
	}
	if d.in(4) {
		r.From = from
	}
	if d.in(4) && (r.From == "" || oracleTime(from).Before(oracleTime(until))) {
		r.Until = until
	}
	if d.in(3) {
		r.Hours = d.hours()
	}
	r.Purpose = d.in(6)
}

func (d dice) hours() string {
	text := pick(d, days()...) + " " + pick(d, spans()...)
	if d.in(6) {
		text += "," + pick(d, spans()...)
	}
	if d.in(6) {
		text += pick(d, ";", "; ") + pick(d, days()...) + " " + pick(d, spans()...)
	}
	return text + " " + pick(d, zones()...)
}

// times are ends of validity: ordinary days, written in several offsets, and instants at which clocks change.
func times() []string {
	return []string{
		"2026-01-01T00:00:00Z", "2026-12-31T23:59:59Z", "2026-06-15T12:00:00+08:00", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00+02:00",
		"2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z", "2018-11-04T03:00:00Z", "2011-12-30T10:00:00Z",
	}
}

func days() []string {
	return []string{"Mon-Fri", "Sat,Sun", "Sat-Mon", "Wed", "Mon-Sun", "Sun", "Fri", "Mon,Wed-Fri"}
}

func spans() []string {
	return []string{"08:00-18:00", "22:00-06:00", "00:00-24:00", "02:00-03:00", "01:30-02:30", "02:15-02:45", "00:00-00:30", "23:30-00:30", "00:00-06:00", "18:00-24:00", "02:30-02:00"}
}

// zones have whole, half and quarter hours, changes of an hour and of half an hour, at night and at midnight, and a day that
// never was (Apia, 2011-12-30).
func zones() []string {
	return []string{
		"UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu", "Africa/Cairo", "Pacific/Apia",
		"America/St_Johns",
	}
}

// nights are the days around changes of clocks somewhere in zones, and two ordinary ones.
func nights() [][3]int {
	return [][3]int{
		{2026, 3, 29},
		{2026, 10, 25},
		{2026, 3, 8},
		{2026, 11, 1},
		{2026, 4, 5},
		{2026, 10, 4},
		{2018, 11, 4},
		{2018, 2, 18},
		{2026, 4, 24},
		{2026, 10, 30},
		{2011, 12, 30},
		{2026, 7, 1},
		{2026, 2, 28},
	}
}

func (d dice) request(rules []oracleRule) oracleRequest {
	q := oracleRequest{
		Model:     pick(d, "guard", "guard", "guard", "guard-1", "image-1", "g", "unknown", "guard-"),
		Operation: pick(d, "view", "infer", "infer", "infer", "train", "download"),
		At:        d.time(rules),
		IP:        d.address(rules),
		Purpose:   pick(d, "", "", "teaching"),
		Faces:     []string{"*"},
	}
	if d.in(20) {
		q.System = true
		return q
	}
	q.Faces = append(q.Faces, "role:"+pick(d, "a", "a", "b", "c"), "user:"+pick(d, "a", "a", "b", "c"))
	if d.in(2) {
		q.Faces = append(q.Faces, some(d, 2, "group:a", "group:b")...)
	}
	q.Key = pick(d, "", "a", "a", "b", "c")
	return q
}

// time is a moment at a border of one of the rules, or within a step of it.
func (d dice) time(rules []oracleRule) time.Time {
	day := pick(d, nights()...)
	at := time.Date(day[0], time.Month(day[1]), day[2]+d.IntN(3)-1, d.IntN(24), 30*d.IntN(2), 0, 0, must(time.LoadLocation(pick(d, zones()...))))
	var borders []time.Time
	for _, r := range rules {
		if r.From != "" {
			borders = append(borders, oracleTime(r.From))
		}
		if r.Until != "" {
			borders = append(borders, oracleTime(r.Until))
		}
		if r.Hours != "" {
			w := pick(d, oracleWindows(r.Hours)...)
			borders = append(borders, time.Date(day[0], time.Month(day[1]), day[2]+d.IntN(3)-1, 0, pick(d, w.open, w.closes), 0, 0, w.zone))
		}
	}
	if len(borders) > 0 && !d.in(8) {
		at = pick(d, borders...)
	}
	return at.Add(pick(d, 0, 0, -1, 1, -time.Second, time.Second, -time.Minute, time.Minute, -time.Hour, time.Hour, 30*time.Minute)).In(pick(d, time.UTC, at.Location()))
}

// address is a first or last address of one of the rules' ranges or its neighbour, in one of its spellings, or any or none.
func (d dice) address(rules []oracleRule) string {
	var ranges []string
	for _, r := range rules {
		ranges = append(ranges, r.IPRanges...)
	}
	if len(ranges) == 0 || d.in(8) {
		return pick(d, "", "127.0.0.1", "::1", "10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
	}
	base, length, _ := strings.Cut(pick(d, ranges...), "/")
	low := oracleBytes(base)
	n := new(big.Int).SetBytes(low)
	if d.in(2) { // the last one
		n.Add(n, new(big.Int).Lsh(big.NewInt(1), uint(len(low)*8-must(strconv.Atoi(length)))))
		n.Sub(n, big.NewInt(1))
	}
	n.Add(n, big.NewInt(int64(d.IntN(3)-1)))
	if n.Sign() < 0 || n.BitLen() > len(low)*8 {
		return "10.0.0.0"
	}
	ip := net.IP(n.FillBytes(make([]byte, len(low))))
	if len(low) == 4 && d.in(4) {
		return "::ffff:" + ip.String()
	}
	if len(low) == 16 && d.in(8) {
		return ip.String() + "%eth0"
	}
	return ip.String()
}
