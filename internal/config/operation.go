package config

import "errors"

// loopback takes host:port of this machine alone, or nothing: what listens there asks nobody to sign in (threat D1).
func loopback(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if err := optional(field)(c, v); err != nil {
			return err
		}
		if v != "" && !onLoopback(*field(c)) {
			return errors.New("wants a loopback address such as 127.0.0.1:9464: nobody signs in there")
		}
		return nil
	}
}
