package config

import (
	"errors"
	"time"
)

// timeOfDay reads HH:MM into CanaryAt.
func timeOfDay(c *Config, v string) error {
	at, err := time.Parse("15:04", v)
	if err != nil || len(v) != len("15:04") {
		return errors.New("wants a time of the day as HH:MM")
	}
	c.CanaryAt = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	return nil
}
