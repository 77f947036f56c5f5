package config

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/forward/outbound"
)

func TestForwardHosts(t *testing.T) {
	c, err := load(t, "audit: {forward_hosts: ['logs.example.org:6514', 'siem.lan=10.0.0.0/8']}", nil, nil)
	require.NoError(t, err)
	require.Equal(t, []outbound.Host{
		{Name: "logs.example.org", Port: 6514}, {Name: "siem.lan", Ranges: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
	}, c.ForwardHosts)
	_, err = load(t, "audit: {forward_hosts: ['https://a']}", nil, nil)
	require.ErrorContains(t, err, "audit.forward_hosts")
}
