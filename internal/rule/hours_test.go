package rule_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

func hours(t require.TestingT, text string) rule.Hours {
	h, err := rule.ParseHours(text)
	require.NoError(t, err, text)
	return h
}

func at(t require.TestingT, text string) time.Time {
	when, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return when
}

func TestHoursHold(t *testing.T) {
	for _, c := range []struct {
		hours, at string
		want      bool
	}{
		{"Mon-Fri 08:00-18:00 Asia/Shanghai", "2026-11-23T08:00:00+08:00", true},
		{"Mon-Fri 08:00-18:00 Asia/Shanghai", "2026-11-23T07:59:59+08:00", false},
		{"Mon-Fri 08:00-18:00 Asia/Shanghai", "2026-11-23T17:59:59+08:00", true},
		{"Mon-Fri 08:00-18:00 Asia/Shanghai", "2026-11-23T18:00:00+08:00", false},
		{"Mon-Fri 08:00-18:00 Asia/Shanghai", "2026-11-22T09:00:00+08:00", false},
		{"Mon-Fri 08:00-18:00 Asia/Shanghai", "2026-11-23T01:00:00Z", true},
		// past midnight: the day is the one on which they begin
		{"Fri 22:00-06:00 UTC", "2026-11-27T22:00:00Z", true},
		{"Fri 22:00-06:00 UTC", "2026-11-28T05:59:59Z", true},
		{"Fri 22:00-06:00 UTC", "2026-11-28T06:00:00Z", false},
		{"Fri 22:00-06:00 UTC", "2026-11-27T05:00:00Z", false},
		{"Sat 22:00-06:00 UTC", "2026-11-29T05:00:00Z", true},
		{"Sun 22:00-00:00 UTC", "2026-11-22T23:59:59Z", true},
		{"Sun 22:00-00:00 UTC", "2026-11-23T00:00:00Z", false},
		{"Sun 22:00-24:00 UTC", "2026-11-22T23:59:59Z", true},
		{"Sun 00:00-24:00 UTC", "2026-11-22T00:00:00Z", true},
		{"Sun 00:00-24:00 UTC", "2026-11-23T00:00:00Z", false},
		// over the week's end
		{"Sun-Mon 08:00-09:00 UTC", "2026-11-22T08:30:00Z", true},
		{"Sun-Mon 08:00-09:00 UTC", "2026-11-23T08:30:00Z", true},
		{"Sun-Mon 08:00-09:00 UTC", "2026-11-24T08:30:00Z", false},
		{"Sat-Mon 22:00-02:00 UTC", "2026-11-24T01:00:00Z", true},
		{"Sat-Mon 22:00-02:00 UTC", "2026-11-21T01:00:00Z", false},
		{"Fri-Thu 08:00-09:00 UTC", "2026-11-25T08:30:00Z", true},
		{"Mon,Wed,Fri-Sun 08:00-09:00 UTC", "2026-11-25T08:30:00Z", true},
		{"Mon,Wed,Fri-Sun 08:00-09:00 UTC", "2026-11-26T08:30:00Z", false},
		{"Mon-Fri 08:00-12:00,13:00-18:00; Sat 09:00-12:00 UTC", "2026-11-23T12:30:00Z", false},
		{"Mon-Fri 08:00-12:00,13:00-18:00; Sat 09:00-12:00 UTC", "2026-11-28T09:30:00Z", true},
		// Berlin, 2026-03-29: 02:00 to 03:00 is shown by no clock
		{"Sun 02:00-03:00 Europe/Berlin", "2026-03-29T00:59:59Z", false},
		{"Sun 02:00-03:00 Europe/Berlin", "2026-03-29T01:00:00Z", false},
		{"Sun 02:30-04:00 Europe/Berlin", "2026-03-29T01:00:00Z", true},
		{"Sun 01:00-02:30 Europe/Berlin", "2026-03-29T00:59:59Z", true},
		{"Sun 01:00-02:30 Europe/Berlin", "2026-03-29T01:00:00Z", false},
		// Berlin, 2026-10-25: 02:00 to 03:00 is shown twice
		{"Sun 02:00-03:00 Europe/Berlin", "2026-10-25T00:30:00Z", true},
		{"Sun 02:00-03:00 Europe/Berlin", "2026-10-25T01:30:00Z", true},
		{"Sun 02:00-03:00 Europe/Berlin", "2026-10-25T02:00:00Z", false},
		{"Sun 02:00-02:30 Europe/Berlin", "2026-10-25T00:45:00Z", false},
		{"Sun 02:00-02:30 Europe/Berlin", "2026-10-25T01:15:00Z", true},
		// half an hour's change, and midnight that no clock shows
		{"Sun 02:00-02:30 Australia/Lord_Howe", "2026-10-03T15:30:00Z", false},
		{"Sat-Sun 23:00-01:00 America/Santiago", "2026-09-06T04:30:00Z", false},
		{"Sat-Sun 23:00-01:00 America/Santiago", "2026-09-06T03:30:00Z", true},
	} {
		require.Equal(t, c.want, hours(t, c.hours).Holds(at(t, c.at)), "%s at %s", c.hours, c.at)
	}
	require.False(t, rule.Hours{}.Holds(time.Unix(0, 0)))
	require.True(t, rule.Hours{}.Next(time.Unix(0, 0)).IsZero())
}

func TestNextHours(t *testing.T) {
	for _, c := range []struct{ hours, at, want string }{
		{"Mon-Fri 08:00-18:00 Asia/Shanghai", "2026-11-27T18:00:00+08:00", "2026-11-30T08:00:00+08:00"},
		{"Mon-Fri 08:00-18:00 Asia/Shanghai", "2026-11-27T12:34:56+08:00", "2026-11-27T12:34:56+08:00"},
		{"Fri 22:00-06:00 UTC", "2026-11-28T06:00:00Z", "2026-12-04T22:00:00Z"},
		{"Sun 02:00-03:00 Europe/Berlin", "2026-03-28T00:00:00Z", "2026-04-05T02:00:00+02:00"},
		{"Sun 02:30-04:00 Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-29T03:00:00+02:00"},
		{"Sun 02:00-02:30 Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00+01:00"},
	} {
		got := hours(t, c.hours).Next(at(t, c.at))
		require.True(t, got.Equal(at(t, c.want)), "%s from %s: %s", c.hours, c.at, got)
	}
}

// Next is the first minute that Holds says yes to, whatever the clocks of the zone do in between.
func TestNextIsTheFirstThatHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := hours(t, rapid.SampledFrom([]string{"Sun 02:00-03:00", "Sat-Sun 23:00-01:00", "Mon,Thu 12:15-12:20", "Sun 02:30-02:45; Sun 00:00-00:30"}).Draw(t, "hours")+
			" "+rapid.SampledFrom([]string{"Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Asia/Shanghai", "Pacific/Apia"}).Draw(t, "zone"))
		start := time.Date(2026, time.Month(rapid.SampledFrom([]int{3, 4, 9, 10}).Draw(t, "month")), rapid.IntRange(1, 28).Draw(t, "day"), rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute"), 0, 0, time.UTC)
		want := start
		for !h.Holds(want) {
			want = want.Add(time.Minute)
		}
		if got := h.Next(start); !got.Equal(want) {
			t.Fatalf("%s from %s: %s, not %s", h, start, got, want)
		}
	})
}

func TestHoursRefuse(t *testing.T) {
	for _, text := range []string{
		"", "Mon", "Mon 08:00-18:00", "08:00-18:00 UTC", "Mon-Fri 08:00-18:00 Local", "Mon-Fri 08:00-18:00 localtime", "Mon-Fri 08:00-18:00 Factory", "Mon-Fri 08:00-18:00 asia/shanghai", "Mon-Fri 08:00-18:00 PRC", "Mon-Fri 08:00-18:00 local", "Mon-Fri 08:00-18:00 Nowhere/City",
		"Mon-Fri 08:00-18:00 +08:00", "Mon-Fri 08:00-18:00 ../../etc/passwd", "Mon-Fri 08:00-18:00 /etc/localtime", "Mon-Fri 08:00-18:00 right/Asia/Shanghai",
		"Mon-Fri 08:00-18:00 posix/Asia/Shanghai", "Mon-Fri 08:00-18:00 Asia", "Mon-Fri 08:00-18:00 zone.tab", "mon-fri 08:00-18:00 UTC", "Monday 08:00-18:00 UTC",
		"周一-周五 08:00-18:00 Asia/Shanghai", "Mon-Mon 08:00-18:00 UTC", "Mon- 08:00-18:00 UTC", "-Fri 08:00-18:00 UTC", "Mon,,Tue 08:00-18:00 UTC",
		"Mon-Wed-Fri 08:00-18:00 UTC", "Mon–Fri 08:00-18:00 UTC", "Mon 8:00-18:00 UTC", "Mon 08:00-18 UTC", "Mon 08:00-24:01 UTC", "Mon 24:00-06:00 UTC",
		"Mon 25:00-26:00 UTC", "Mon 08:60-09:00 UTC", "Mon 08:00-08:00 UTC", "Mon 00:00-00:00 UTC", "Mon 08:00 UTC", "Mon 08:00-09:00-10:00 UTC",
		"Mon 08:00:00-09:00:00 UTC", "Mon 08:00-18:00 UTC;", "Mon 08:00-18:00 UTC; Tue 08:00-09:00 UTC", "Mon 08:00-18:00; UTC", "Mon 08:00-09:00\tUTC",
		"Mon 08:00-09:00 UTC x", "Mon 08:00-09:00, 10:00-11:00 UTC", "Mon ０8:00-09:00 UTC", "Mon 08:00am-09:00 UTC", "daily 08:00-09:00 UTC", "Mon 08:00-09:00 UTC\n",
	} {
		_, err := rule.ParseHours(text)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", text)
	}
	require.Equal(t, "Mon-Fri 08:00-12:00; Sat 09:00-12:00 Asia/Shanghai", hours(t, " Mon-Fri  08:00-12:00 ;Sat 09:00-12:00   Asia/Shanghai ").String())
}
