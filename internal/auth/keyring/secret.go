package keyring

import (
	"strings"

	"guardhouse/internal/auth/password"
	"guardhouse/internal/fault"
)

const (
	minSecret = 32
	// minDistinct: 32 random bytes have about 30 distinct values, 64 random hex digits about 16; below eight it was typed.
	minDistinct = 8
	// maxUnit: a secret made of one unit of up to half the shortest length, repeated, was typed too.
	maxUnit = 16
)

// CheckSecrets refuses, as Open does, what cannot be a secret: fewer than 32 bytes, values that samples and manuals are full
// of, and repetitions (threat A2). It is asked for the secret that signs and the one before it, "" for none, which only verifies:
// it needs one that signs, another one. No message holds any of them.
func CheckSecrets(secret, previous string) error {
	refuse := func(why string) error {
		return fault.New(fault.Invalid, "auth.jwt_secret_previous "+why).WithField("auth.jwt_secret_previous")
	}
	if secret == "" {
		if previous != "" {
			return refuse("needs auth.jwt_secret, which signs: set both, or remove it")
		}
		return nil
	}
	if err := checkSecret("auth.jwt_secret", secret); err != nil || previous == "" {
		return err
	}
	if previous == secret {
		return refuse("is the same as auth.jwt_secret: remove it, or give auth.jwt_secret a new value")
	}
	return checkSecret("auth.jwt_secret_previous", previous)
}

func checkSecret(setting, secret string) error {
	refuse := func(why string) error {
		return fault.New(fault.Invalid, setting+" "+why+": make one with: openssl rand -base64 48").WithField(setting)
	}
	if len(secret) < minSecret {
		return refuse("is shorter than 32 bytes")
	}
	lower := strings.ToLower(secret)
	for _, sample := range sampleSecrets() {
		if strings.Contains(lower, sample) {
			return refuse("is a sample value")
		}
	}
	distinct := map[byte]bool{}
	for i := range len(secret) {
		distinct[secret[i]] = true
	}
	if len(distinct) < minDistinct || repeats(secret) || password.IsRun(lower) {
		return refuse("is a repetition or a sequence")
	}
	return nil
}

// sampleSecrets are words that say "replace me". A random secret holds none of them.
func sampleSecrets() []string {
	return []string{
		"changeme", "change-me", "change_me", "change me", "changethis", "change-this", "change_this", "change this",
		"replaceme", "replace-me", "replace_me", "replace this", "your-256-bit-secret", "your_256_bit_secret", "your-secret",
		"your_secret", "yoursecret", "your-jwt-secret", "your_jwt_secret", "your jwt secret", "a-string-secret", "insert-secret",
		"placeholder", "supersecret", "super-secret", "super_secret", "please-change", "my-secret", "mysecret", "jwt-secret",
		"jwt_secret", "secret-key", "secret_key", "secretkey", "thisisasecret", "this-is-a-secret", "this is a secret",
		"example-secret", "sample-secret", "default-secret", "not-a-secret", "todo", "xxxxxxxx",
	}
}

func repeats(s string) bool {
	for unit := 1; unit <= maxUnit && unit*2 <= len(s); unit++ {
		i := unit
		for i < len(s) && s[i] == s[i-unit] {
			i++
		}
		if i == len(s) {
			return true
		}
	}
	return false
}
