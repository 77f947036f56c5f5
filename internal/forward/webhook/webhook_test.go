package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/forward/webhook"
)

// Computed with OpenSSL: printf '1790000000.{"a":1}' | openssl dgst -sha256 -hmac whsec_A
const (
	vectorBody = `{"a":1}`
	vectorAt   = 1_790_000_000
	vectorA    = "b4f4e6bc482a0af27355f0dbd9dcf558c606a587acdda945ec5bf79ed860b815"
	vectorB    = "9fd60fae62ca09be4d226459f18aac8d877cdae620f4dafd6a41fb9faf085da0"
)

func TestSignatureVectors(t *testing.T) {
	at := time.Unix(vectorAt, 999_000_000)
	require.Equal(t, "t=1790000000,v1="+vectorA, webhook.Sign([]string{"whsec_A"}, at, []byte(vectorBody)))
	require.Equal(t, "t=1790000000,v1="+vectorA+",v1="+vectorB, webhook.Sign([]string{"whsec_A", "whsec_B"}, at, []byte(vectorBody)))
	m := hmac.New(sha256.New, []byte("whsec_A"))
	m.Write([]byte("1790000000."))
	require.Equal(t, "t=1790000000,v1="+hex.EncodeToString(m.Sum(nil)), webhook.Sign([]string{"whsec_A"}, at, nil), "an empty body")
}

func TestCheck(t *testing.T) {
	at := time.Unix(vectorAt, 0)
	both := "t=1790000000,v1=" + vectorA + ",v1=" + vectorB
	for name, c := range map[string]struct {
		header, secret, body string
		now                  time.Time
		good                 bool
	}{
		"the first":              {both, "whsec_A", vectorBody, at, true},
		"the second":             {both, "whsec_B", vectorBody, at, true},
		"other versions between": {"t=1790000000,v0=00,v1=zz,v1=" + vectorA, "whsec_A", vectorBody, at, true},
		"just in time":           {both, "whsec_A", vectorBody, at.Add(time.Minute), true},
		"too late":               {both, "whsec_A", vectorBody, at.Add(time.Minute + 1), false},
		"too early":              {both, "whsec_A", vectorBody, at.Add(-time.Minute - 1), false},
		"another secret":         {both, "whsec_C", vectorBody, at, false},
		"another body":           {both, "whsec_A", vectorBody + " ", at, false},
		"the time is signed":     {"t=1790000001,v1=" + vectorA, "whsec_A", vectorBody, at, false},
		"the time moves over":    {"t=179000000,v1=" + vectorA, "whsec_A", "0." + vectorBody, time.Unix(179_000_000, 0), false},
		"another version alone":  {"t=1790000000,v0=" + vectorA, "whsec_A", vectorBody, at, false},
		"half of it":             {"t=1790000000,v1=" + vectorA[:32], "whsec_A", vectorBody, at, false},
		"none":                   {"t=1790000000", "whsec_A", vectorBody, at, false},
		"an empty one":           {"t=1790000000,v1=", "whsec_A", vectorBody, at, false},
		"no time":                {"v1=" + vectorA, "whsec_A", vectorBody, at, false},
		"no number":              {"t=soon,v1=" + vectorA, "whsec_A", vectorBody, at, false},
		"nothing":                {"", "whsec_A", vectorBody, at, false},
	} {
		err := webhook.Check(c.header, c.secret, []byte(c.body), c.now, time.Minute)
		require.Equal(t, c.good, err == nil, "%s: %v", name, err)
	}
}

func TestSecretsAreFreshAndKnownByTheirPrefix(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		secret, err := webhook.NewSecret()
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(secret, "whsec_"))
		require.Len(t, secret, len("whsec_")+43, "32 bytes")
		require.False(t, seen[secret])
		seen[secret] = true
	}
}
