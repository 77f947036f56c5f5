package rule

import (
	"strconv"
	"strings"
	"time"
)

// MaxRate is the most requests that a rate may name.
const MaxRate = 1_000_000_000

// Rate is N requests in any Per, all N of them at once if need be. Spelling is how it was written, for display.
type Rate struct {
	N        int64
	Per      time.Duration
	Spelling string
}

// ParseRate reads N, then req or 次 or nothing, '/', and a unit: s, sec, min, h, hour, d, day, 秒, 分钟, 小时 or 天. It refuses
// every other spelling, space, 0, a sign, a leading 0 and more than MaxRate.
func ParseRate(text string) (Rate, error) {
	bad := invalid("must be a rate such as 100/min, 100req/min or 10次/分钟 (s, sec, min, h, hour, d, day, 秒, 分钟, 小时, 天)")
	count, unit, found := strings.Cut(text, "/")
	per := unitOf(unit)
	if !found || per == 0 {
		return Rate{}, bad
	}
	digits := strings.TrimRight(count, "reqs次")
	if after := count[len(digits):]; after != "" && after != "req" && after != "次" {
		return Rate{}, bad
	}
	if digits == "" || len(digits) > 10 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return Rate{}, bad
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > MaxRate {
		return Rate{}, invalid("at most %d", MaxRate)
	}
	return Rate{N: n, Per: per, Spelling: text}, nil
}

// unitOf answers 0 for a word that is no unit.
func unitOf(word string) time.Duration {
	switch word {
	case "s", "sec", "秒":
		return time.Second
	case "min", "分钟":
		return time.Minute
	case "h", "hour", "小时":
		return time.Hour
	case "d", "day", "天":
		return 24 * time.Hour
	}
	return 0
}

// String is the canonical spelling: 100/min. A period that no unit names is written as a duration, which nothing reads.
func (r Rate) String() string {
	var unit string
	switch r.Per {
	case time.Second:
		unit = "s"
	case time.Minute:
		unit = "min"
	case time.Hour:
		unit = "h"
	case 24 * time.Hour:
		unit = "day"
	default:
		unit = r.Per.String()
	}
	return strconv.FormatInt(r.N, 10) + "/" + unit
}

// text is the spelling that it was written in, the canonical one where that would not be the same rate.
func (r Rate) text() string {
	if again, err := ParseRate(r.Spelling); err == nil && again == r {
		return r.Spelling
	}
	return r.String()
}

func (r Rate) valid() bool {
	again, err := ParseRate(r.String())
	return err == nil && again.N == r.N && again.Per == r.Per
}
