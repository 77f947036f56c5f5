package keyring

import (
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

const goodSecret = "Zq3vN8sLw1xYt6Rk0BcJf5HdPm2GuEa9"

// threat A2
func TestWeakJWTSecretsRefuseStart(t *testing.T) {
	weak := []string{
		"tooshort1", strings.Repeat("x", 31), goodSecret[:31], strings.Repeat("a", 32), strings.Repeat("ab", 16), strings.Repeat("0123456789abcdef", 2),
		"changemechangemechangemechangeme", "change-me-please-0123456789-abcdef", "Your-256-Bit-Secret-Your-256-Bit-Secret", "your_jwt_secret_goes_here_0123456789",
		"supersecretsupersecretsupersecret!", "my-secret-key-that-is-32-bytes-long", "abcdefghijklmnopqrstuvwxyzabcdefgh", "01234567890123456789012345678901",
		"a-string-secret-at-least-256-bits-long", "this-is-a-secret-of-32-bytes-or-so", "replace-me-replace-me-replace-me-1", "00000000000000000000000000000000",
		"11112222333344445555666677778888"[:16] + "1111222233334444", "TODO: put a secret of 32 bytes here", "secret_key_for_jwt_signing_tokens",
	}
	for _, secret := range weak {
		_, err := Open(Options{DataDir: t.TempDir(), Secret: secret, Now: newClock().Now, Log: slog.New(slog.DiscardHandler)})
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
		require.Equal(t, "auth.jwt_secret", fault.From(err).Field)
		require.NotContains(t, err.Error(), secret)
	}
	random := make([]byte, 32)
	_, err := rand.Read(random)
	require.NoError(t, err)
	for _, good := range []string{goodSecret, string(random), base64.StdEncoding.EncodeToString(random), "an own long sentence of the operator, 42 times told"} {
		require.NoError(t, CheckSecrets(good, ""))
	}
}

// threat A2: whatever is put around a sample value, it stays one.
func TestEverySampleSecretIsRefused(t *testing.T) {
	around := goodSecret
	require.NoError(t, CheckSecrets(around+around, ""))
	for _, sample := range sampleSecrets() {
		for _, secret := range []string{sample + around, around + strings.ToUpper(sample), around[:20] + sample + around[20:]} {
			err := CheckSecrets(secret, "")
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
			require.NotContains(t, err.Error(), secret)
		}
	}
}
