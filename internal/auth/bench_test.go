package auth

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
)

func benchmarkAuthenticate(b *testing.B, credential func(*bench) Credential) {
	s := newBench(b)
	s.user("rita", "reviewer")
	c := credential(s)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Authenticate(context.Background(), c, origin()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAuthenticateCookie(b *testing.B) {
	benchmarkAuthenticate(b, func(s *bench) Credential { return Credential{Cookie: s.login("rita", true).CookieToken} })
}

func BenchmarkAuthenticateBearer(b *testing.B) {
	benchmarkAuthenticate(b, func(s *bench) Credential { return Credential{Bearer: s.login("rita", false).AccessToken} })
}

func BenchmarkAuthenticateKey(b *testing.B) {
	benchmarkAuthenticate(b, func(s *bench) Credential {
		_, secret := s.key(s.as("rita"), NewKey{Models: []string{"guard-nano"}, Operations: []string{"infer"}})
		return Credential{Bearer: secret}
	})
}

func BenchmarkAuthenticateUnknownKey(b *testing.B) {
	s := newBench(b)
	_, secret, err := newAPIKey()
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if p, _ := s.Authenticate(context.Background(), Credential{Bearer: secret}, access.Origin{}); p.Kind != "" {
			b.Fatal("accepted")
		}
	}
}
