package config

import (
	"fmt"

	"guardhouse/internal/forward/outbound"
)

// maxForwardHosts bounds what every connection is held against.
const maxForwardHosts = 64

// forwardOptions say where the log may be sent to: by the file alone, so that nobody who gets into the console sends it elsewhere.
func forwardOptions() []Option {
	return []Option{
		{Key: "audit.forward_hosts", Help: "hosts that the log may be sent to by syslog or webhook, comma separated: HOST, HOST:PORT or HOST=RANGE+RANGE, where the ranges say which addresses the name may lead to; public ones alone without. Nowhere if empty", rule: only(forwardHosts)},
	}
}

func forwardHosts(c *Config, v string) error {
	var parts []string
	if err := list(func(*Config) *[]string { return &parts })(c, v); err != nil {
		return err
	}
	if len(parts) > maxForwardHosts {
		return fmt.Errorf("wants at most %d hosts", maxForwardHosts)
	}
	c.ForwardHosts = nil
	for _, part := range parts {
		h, err := outbound.Parse(part)
		if err != nil {
			return fmt.Errorf("%w: not %q", err, part)
		}
		c.ForwardHosts = append(c.ForwardHosts, h)
	}
	return nil
}
