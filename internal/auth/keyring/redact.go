package keyring

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// The types below hold secrets. A fmt.Formatter answers every verb, %#v included; LogValue answers slog; MarshalJSON
// answers slog's JSON where the value stands inside another one.

// Format prints no secret.
func (o Options) Format(w fmt.State, _ rune) {
	_, _ = io.WriteString(w, "keyring.Options{"+redacted+"}")
}

// LogValue logs no secret.
func (o Options) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON keeps the secrets out of logs.
func (Options) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// Format prints no key.
func (r *Ring) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "keyring.Ring{"+redacted+"}") }

// LogValue logs no key.
func (r *Ring) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format prints the name of the key.
func (k Prepared) Format(w fmt.State, _ rune) {
	_, _ = io.WriteString(w, "keyring.Prepared{"+k.kid+" "+redacted+"}")
}

// LogValue logs the name of the key.
func (k Prepared) LogValue() slog.Value { return slog.StringValue(k.kid) }
