// Package config reads the settings once, from flags over environment over guardhouse.yaml over
// defaults, and answers one validated struct. Only cmd and app import it; every other package is
// handed a plain options struct. It is the one place that reads the environment.
package config

import (
	"log/slog"
	"net/netip"
	"time"

	"guardhouse/internal/forward/outbound"
)

// Secret is a value that prints as "(hidden)" wherever it is formatted or logged.
type Secret string

// String hides the value.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(hidden)"
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the value from every encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal answers the value itself.
func (s Secret) Reveal() string { return string(s) }

// Config holds the effective settings. Its zero value is not usable: call Load.
type Config struct {
	Data                       string // data folder
	Listen                     string // host:port
	LogLevel                   slog.Level
	LogFormat                  string // json | text
	LogFile                    string // "" = standard error
	MetricsListen, DebugListen string // host:port on loopback, "" = off

	TLSCert, TLSKey    string
	TrustedHosts       []string
	AllowPlainLoopback bool
	MaxBody            int64 // bytes
	TrustedProxies     []netip.Prefix
	AllowFrom          []netip.Prefix  // who may use Listen; empty = everybody
	APIListen          string          // host:port of the listener for programs, "" = off
	APIAllowFrom       []netip.Prefix  // who may use APIListen; empty = everybody
	ForwardHosts       []outbound.Host // where the log may be sent to; empty = nowhere

	JWTSecret, JWTSecretPrevious         Secret
	JWTSecretFile, JWTSecretPreviousFile string

	AccessTokenTTL time.Duration
	SessionIdle    time.Duration
	SessionMax     time.Duration

	ACLDefault string // deny | allow
	ACLFile    string // "" = the rules are the database's
	Limits     Limits

	ModelsDir      string
	AllowedSHA256  []string
	MaxInputTokens int
	ChatMaxTokens  int    // of an answer
	ChatContext    int    // of a conversation with its answer
	DefaultModel   string // "" = the catalogue's own
	Aliases        map[string]string
	Memory         int64         // of all models together; 0 = what the machine has
	CanaryAt       time.Duration // of the day, in UTC
	IdleUnload     time.Duration // 0 = never

	Threads, Slots, Queue int
	Lanes, Batch          int
	FlashAttention        string // auto | on | off
	KVCache               string // auto | f16 | q8_0
	Deadline              time.Duration
	Weights               map[string]int // by role
	Kernels               string         // auto | avx512 | avx2 | neon | none
	GPULayers             int            // AllLayers = as many as fit
	GPULibrary            string         // folder
	GPUManifest           string         // its SHA-256, "" = any

	CheckpointRows      int
	CheckpointEvery     time.Duration
	Anchor, AuditKeyDir string // "" = in the data folder
	ExportDir           string

	Retention Retention

	Mode        string // strict | loose
	KeepContent string // none | hash

	CacheEntries       int // 0 = none
	CacheTTL           time.Duration
	CacheShareServices bool

	// given answers what flags, environment and file say of each key. It is a function so that no printing shows a secret.
	given func() []resolved
}
