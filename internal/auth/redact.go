package auth

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// The types below hold secrets. A fmt.Formatter answers every verb, %#v included; LogValue answers slog; MarshalJSON
// answers slog's JSON where the value stands inside another one.

func redactedJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// Format prints no key.
func (k *Keys) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "auth.Keys{"+redacted+"}") }

// LogValue logs no key.
func (k *Keys) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format prints who signed in, no token.
func (s SignIn) Format(w fmt.State, _ rune) {
	_, _ = io.WriteString(w, "auth.SignIn{"+s.User.ID+" "+s.SessionID+" "+redacted+"}")
}

// LogValue logs who signed in, no token.
func (s SignIn) LogValue() slog.Value {
	return slog.GroupValue(slog.String("user_id", s.User.ID), slog.String("session_id", s.SessionID))
}

// Format prints nothing of the credential.
func (c Credential) Format(w fmt.State, _ rune) {
	_, _ = io.WriteString(w, "auth.Credential{"+redacted+"}")
}

// LogValue logs nothing of the credential.
func (c Credential) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format prints the wish without its password.
func (u NewUser) Format(w fmt.State, _ rune) {
	_, _ = io.WriteString(w, "auth.NewUser{"+u.Kind+" "+u.Role+" "+redacted+"}")
}

// LogValue logs the wish without its password and names.
func (u NewUser) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", u.Kind), slog.String("role", u.Role))
}

// Format prints the options without the secret.
func (o Options) Format(w fmt.State, _ rune) {
	_, _ = fmt.Fprintf(w, "auth.Options{%s %s %s %d %s}", o.AccessTTL, o.SessionIdle, o.SessionMax, o.HashSlots, redacted)
}

// LogValue logs the lifetimes alone.
func (o Options) LogValue() slog.Value {
	return slog.GroupValue(slog.Duration("access_ttl", o.AccessTTL), slog.Duration("session_idle", o.SessionIdle),
		slog.Duration("session_max", o.SessionMax), slog.Int("hash_slots", o.HashSlots))
}

// Format prints nothing of the request.
func (r LoginRequest) Format(w fmt.State, _ rune) {
	_, _ = io.WriteString(w, "auth.LoginRequest{"+redacted+"}")
}

// LogValue logs nothing of the request.
func (r LoginRequest) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format prints nothing of the wish.
func (f Setup) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "auth.Setup{"+redacted+"}") }

// LogValue logs nothing of the wish.
func (f Setup) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON keeps the tokens out of logs.
func (SignIn) MarshalJSON() ([]byte, error) { return redactedJSON() }

// MarshalJSON keeps the credential out of logs.
func (Credential) MarshalJSON() ([]byte, error) { return redactedJSON() }

// MarshalJSON keeps the password out of logs.
func (NewUser) MarshalJSON() ([]byte, error) { return redactedJSON() }

// MarshalJSON keeps the secret out of logs.
func (Options) MarshalJSON() ([]byte, error) { return redactedJSON() }

// MarshalJSON keeps the name and the password out of logs.
func (LoginRequest) MarshalJSON() ([]byte, error) { return redactedJSON() }

// MarshalJSON keeps the token and password out of logs.
func (Setup) MarshalJSON() ([]byte, error) { return redactedJSON() }
