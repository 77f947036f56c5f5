package httpapi_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi"
)

// peers is a listener whose connections come from the addresses that are sent.
type peers struct {
	from   chan netip.Addr
	closed chan netip.Addr
}

func (p *peers) Accept() (net.Conn, error) { return &from{p: p, a: <-p.from}, nil }
func (*peers) Close() error                { return nil }
func (*peers) Addr() net.Addr              { return nil }

type from struct {
	net.Conn
	p *peers
	a netip.Addr
}

func (f *from) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.AddrPortFrom(f.a, 40000)) }
func (f *from) Close() error         { f.p.closed <- f.a; return nil }

func address(prefix string, i int) netip.Addr {
	a := netip.MustParseAddr(prefix).As16()
	binary.BigEndian.PutUint32(a[12:], uint32(i))
	return netip.AddrFrom16(a)
}

// One machine has 2^64 IPv6 addresses: it must not hold every place that there is.
func TestANetworkOfOneMachineDoesNotHoldEveryConnection(t *testing.T) {
	const places = 2000
	p := &peers{from: make(chan netip.Addr, 1), closed: make(chan netip.Addr, places)}
	ln := httpapi.Listen(p, httpapi.Bounds{Connections: places})
	served := make(chan net.Conn)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			served <- c
		}
	}()
	connect := func(a netip.Addr) net.Conn {
		p.from <- a
		select {
		case c := <-served:
			return c
		case <-p.closed:
			return nil
		}
	}
	var held []net.Conn
	for i := range places {
		if c := connect(address("2001:db8:0:1::", i)); c != nil {
			held = append(held, c)
		}
	}
	require.Len(t, held, places/4)
	for name, a := range map[string]string{"IPv6 beside it": "2001:db8:0:2::1", "IPv4": "192.0.2.1", "IPv4 in IPv6": "::ffff:192.0.2.2", "itself": "::1"} {
		require.NotNil(t, connect(netip.MustParseAddr(a)), name)
	}
	require.NoError(t, held[0].Close())
	<-p.closed
	require.NotNil(t, connect(address("2001:db8:0:1::", places)), "a place that is given back serves again")
	require.Nil(t, connect(address("2001:db8:0:1::", places+1)))
	for i := range places { // IPv4 addresses have no network of one machine: each stands for itself
		a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		if connect(a) == nil {
			require.Equal(t, places-places/4-4, i, "all together")
			return
		}
	}
	require.Fail(t, "more than all places")
}
