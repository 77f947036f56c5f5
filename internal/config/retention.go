package config

import (
	"errors"
	"fmt"
	"strconv"
)

// AuditFloor is the fewest days that audit rows are kept where they are not kept for ever: about six months, which is the
// shortest that any of the rules we know of asks for network logs. It has no switch.
const AuditFloor = 180

// maxDays is a century: a number beyond it is a mistake.
const maxDays = 36500

// Retention says for how many days each kind of record is kept; 0 is for ever.
type Retention struct{ Audit, Verdicts, Sessions int }

func retentionOptions() []Option {
	return []Option{
		{Key: "retention.audit", Default: "0", Help: "days that audit rows are kept, 180 or more; 0 keeps them for ever", Console: Now, rule: days(func(c *Config) *int { return &c.Retention.Audit }, AuditFloor)},
		{Key: "retention.verdicts", Default: "0", Help: "days that verdicts are kept, no longer than their audit rows; 0 keeps them as long as those", Console: Now, rule: days(func(c *Config) *int { return &c.Retention.Verdicts }, 1)},
		{Key: "retention.sessions", Default: "30", Help: "days that sessions are kept after their end; 0 keeps them for ever", Console: Now, rule: days(func(c *Config) *int { return &c.Retention.Sessions }, 1)},
	}
}

// days takes 0 or a number of days that is not below the floor.
func days(field func(*Config) *int, floor int) rule {
	return rule{func(c *Config, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n != 0 && (n < floor || n > maxDays) {
			return fmt.Errorf("wants 0, which is for ever, or whole days from %d to %d", floor, maxDays)
		}
		*field(c) = n
		return nil
	}, Kind{Type: Integer, Min: "0", Max: strconv.Itoa(maxDays)}}
}

// checkRetention refuses verdicts that would outlive the audit rows that they refer to.
func (c *Config) checkRetention() error {
	if r := c.Retention; r.Audit > 0 && r.Verdicts > r.Audit {
		return errors.New("retention.verdicts is longer than retention.audit: a verdict goes with its audit row at the latest")
	}
	return nil
}
