package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Option describes one key: what `docs/configuration.md` prints and what Load applies.
type Option struct {
	Key     string // a.b in YAML, GUARDHOUSE_A_B in the environment
	Default string
	Help    string
	Secret  bool
	File    bool    // taken from the configuration file alone: what native code is loaded from is not for an environment to say (threat D2)
	Console Console // whether the console shows the key and may change it
	rule
}

// rule takes a value. apply is nil for a key of the contract that this release refuses, so that nothing is silently ignored.
type rule struct {
	apply func(*Config, string) error
	Kind  Kind
}

// only is the rule of a key whose values the console has no form for.
func only(apply func(*Config, string) error) rule { return rule{apply, Kind{Type: Text}} }

// Built reports whether this release honours the key; one that is not built is refused at start.
func (o Option) Built() bool { return o.apply != nil }

// Env answers the name of the environment variable of the key.
func (o Option) Env() string {
	return "GUARDHOUSE_" + strings.ToUpper(strings.ReplaceAll(o.Key, ".", "_"))
}

// Options lists every key of the contract in the order of the documentation.
func Options() []Option {
	return slices.Concat(ownOptions(), retentionOptions(), forwardOptions(), limitOptions())
}

// ownOptions are all but those of limits.
func ownOptions() []Option {
	return []Option{
		{Key: "data", Default: "./guardhouse-data", Help: "folder of the database, keys, certificates and imported models", rule: only(path(func(c *Config) *string { return &c.Data }))},
		{Key: "listen", Default: "127.0.0.1:8443", Help: "address and port", rule: only(address(func(c *Config) *string { return &c.Listen }))},
		{Key: "log.level", Default: "info", Help: "debug, info, warn or error", rule: only(level)},
		{Key: "log.format", Default: "json", Help: "json or text", rule: choice(func(c *Config) *string { return &c.LogFormat }, "json", "text")},
		{Key: "log.file", Help: "file for the server's log instead of standard error, rotated at 10 MB, five old files kept; opened anew on SIGHUP", rule: only(path(func(c *Config) *string { return &c.LogFile }))},
		{Key: "metrics.listen", Help: "loopback address and port where /metrics needs no sign-in. Empty is off", rule: only(loopback(func(c *Config) *string { return &c.MetricsListen }))},
		{Key: "debug.listen", Help: "loopback address and port of the Go runtime's profiles (/debug/pprof/), without sign-in. Empty is off", rule: only(loopback(func(c *Config) *string { return &c.DebugListen }))},
		{Key: "tls.cert", Help: "certificate chain (PEM); without it a local CA is made in the data folder", rule: only(path(func(c *Config) *string { return &c.TLSCert }))},
		{Key: "tls.key", Help: "private key of tls.cert (PEM)", rule: only(path(func(c *Config) *string { return &c.TLSKey }))},
		{Key: "tls.client_ca", Help: "client certificates"},
		{Key: "tls.client_auth", Help: "off, optional or required"},
		{Key: "http.trusted_hosts", Help: "host names that are served besides IP literals, localhost and the own name, comma separated", rule: only(hosts)},
		{Key: "http.trusted_proxies", Help: "address ranges of proxies whose X-Forwarded-For is believed; nobody's is without it", rule: only(ranges(func(c *Config) *[]netip.Prefix { return &c.TrustedProxies }))},
		{Key: "http.allow_from", Help: "address ranges that may use the main listener; everybody if empty", rule: only(ranges(func(c *Config) *[]netip.Prefix { return &c.AllowFrom }))},
		{Key: "http.allow_plain_loopback", Default: "false", Help: "plain HTTP, on a loopback address only", rule: boolean(func(c *Config) *bool { return &c.AllowPlainLoopback })},
		{Key: "http.max_body", Default: "1MiB", Help: "largest request body", Console: Shown, rule: only(size(func(c *Config) *int64 { return &c.MaxBody }, 1<<10, 64<<20))},
		{Key: "api.listen", Help: "address and port of a second listener, for programs: the API without the console and without cookies; the main listener then has no /v1. Empty is off", rule: only(optional(func(c *Config) *string { return &c.APIListen }))},
		{Key: "api.allow_from", Help: "address ranges that may use api.listen; everybody if empty", rule: only(ranges(func(c *Config) *[]netip.Prefix { return &c.APIAllowFrom }))},
		{Key: "auth.jwt_secret", Help: "32 bytes or more: bearers are signed with HS256; without it an Ed25519 key is made in the data folder", Secret: true, rule: only(secret(func(c *Config) *Secret { return &c.JWTSecret }))},
		{Key: "auth.jwt_secret_file", Help: "file with auth.jwt_secret, which only its owner may read", rule: only(path(func(c *Config) *string { return &c.JWTSecretFile }))},
		{Key: "auth.jwt_secret_previous", Help: "the secret before: its bearers stay good until they end, nothing new is signed with it", Secret: true, rule: only(secret(func(c *Config) *Secret { return &c.JWTSecretPrevious }))},
		{Key: "auth.jwt_secret_previous_file", Help: "file with auth.jwt_secret_previous, which only its owner may read", rule: only(path(func(c *Config) *string { return &c.JWTSecretPreviousFile }))},
		{Key: "auth.access_token_ttl", Default: "15m", Help: "life of a bearer, 1s to 24h", Console: Now, rule: duration(func(c *Config) *time.Duration { return &c.AccessTokenTTL }, time.Second, 24*time.Hour)},
		{Key: "auth.session_idle", Default: "30m", Help: "a session ends after so long without use", Console: Now, rule: duration(func(c *Config) *time.Duration { return &c.SessionIdle }, time.Minute, 24*time.Hour)},
		{Key: "auth.session_max", Default: "12h", Help: "a session ends after so long in any case", Console: Now, rule: duration(func(c *Config) *time.Duration { return &c.SessionMax }, time.Minute, 7*24*time.Hour)},
		{Key: "acl.file", Help: "YAML file that all rules come from; it is watched, and they are read only everywhere else. Empty is off", rule: only(path(func(c *Config) *string { return &c.ACLFile }))},
		{Key: "acl.default", Default: "deny", Help: "what a model without rules does: deny or allow", Console: Shown, rule: choice(func(c *Config) *string { return &c.ACLDefault }, "deny", "allow")},
		{Key: "models.dir", Help: "folder of imported models; models in the data folder if empty", rule: only(path(func(c *Config) *string { return &c.ModelsDir }))},
		{Key: "models.allowed_sha256", Help: "SHA-256 hashes of the only files that may be imported as models, comma separated; all may be if empty. Of a model in several files it is that of the one file that they make", rule: only(sums)},
		{Key: "models.max_input_tokens", Default: "32768", Help: "longest input, in tokens", Console: Now, rule: integer(func(c *Config) *int { return &c.MaxInputTokens }, 16, 1<<20)},
		{Key: "models.default", Help: "id of the guard that judges where a request names none; the catalogue's own default if empty", Console: Now, rule: only(modelID)},
		{Key: "models.aliases", Help: "other names of models, alias=id, comma separated", Console: Now, rule: only(aliases)},
		{Key: "models.memory", Help: "memory that all models together may take, such as 12GiB; what the machine has at the start, less a tenth, if empty", Console: Now, rule: only(memory)},
		{Key: "models.canary_at", Default: "03:00", Help: "time of the day, in UTC, at which every guard is held to its canaries once more, HH:MM", rule: only(timeOfDay)},
		{Key: "models.idle_unload", Default: "0s", Help: "a model that nobody used for so long goes out of memory until somebody does; the default guard stays. 0 is never, else 1m to 720h", Console: Now, rule: idle()},
		{Key: "engine.threads", Default: "0", Help: "compute threads; 0 is one for each physical core that the process may use, and from five on one less", Console: Restart, rule: integer(func(c *Config) *int { return &c.Threads }, 0, 1024)},
		{Key: "engine.slots", Default: "0", Help: "texts that a model judges at a time; 0 fits them to the lanes and the memory", Console: Restart, rule: integer(func(c *Config) *int { return &c.Slots }, 0, 64)},
		{Key: "engine.lanes", Default: "0", Help: "passes through a model at a time, which share the threads; 0 tries for a moment at the start which number is fastest", Console: Restart, rule: integer(func(c *Config) *int { return &c.Lanes }, 0, 16)},
		{Key: "engine.batch", Default: "0", Help: "most tokens of one pass; 0 is 256. Less needs less memory, and long texts more passes", Console: Shown, rule: integer(func(c *Config) *int { return &c.Batch }, 0, 4096)},
		{Key: "engine.flash_attention", Default: "auto", Help: "on, off, or auto, which is on: without it every token is compared with the cells of all slots", Console: Shown, rule: choice(func(c *Config) *string { return &c.FlashAttention }, "auto", "on", "off")},
		{Key: "engine.kv_cache", Default: "auto", Help: "how keys and values are kept: f16, q8_0 (half the memory; slower, and one verdict in 400 differs), or auto, which is f16", Console: Shown, rule: choice(func(c *Config) *string { return &c.KVCache }, "auto", "f16", "q8_0")},
		{Key: "engine.kernels", Default: "auto", Help: "instructions that compute products with weights: avx512, avx2 or neon as far as the processor has them, none for the engine's own code, auto for the fastest", Console: Shown, rule: choice(func(c *Config) *string { return &c.Kernels }, "auto", "avx512", "avx2", "neon", "none")},
		{Key: "engine.gpu_layers", Default: "auto", Help: "layers of a model on the GPU: auto for as many as fit beside head-room, 0 for none, a number for so many where they fit", Console: Shown, rule: only(gpuLayers)},
		{Key: "engine.gpu_library", Default: "/usr/lib/guardhouse", Help: "folder of the library for NVIDIA GPUs, which nobody but root and the server may write to, nor to what is above it", File: true, rule: only(absolute(func(c *Config) *string { return &c.GPULibrary }))},
		{Key: "engine.gpu_library_sha256", Help: "SHA-256 of the file MANIFEST in engine.gpu_library: no other library is loaded. Any that root put there if empty", File: true, rule: only(digest(func(c *Config) *string { return &c.GPUManifest }))},
		{Key: "engine.queue", Default: "256", Help: "requests that may wait for a model; more are answered 503", Console: Now, rule: integer(func(c *Config) *int { return &c.Queue }, 1, 100000)},
		{Key: "engine.deadline", Default: "5m", Help: "longest time from a request to its verdict, waiting and judging together; then 504. 100ms to 5m; a caller may ask for less (Prefer: wait=N)", Console: Now, rule: duration(func(c *Config) *time.Duration { return &c.Deadline }, 100*time.Millisecond, 5*time.Minute)},
		{Key: "engine.weights", Help: "turns at a model that people of a role get for one of everybody else's, role=N comma separated, 1 to 16", Console: Shown, rule: only(weights)},
		{Key: "moderation.mode", Default: "strict", Help: "strict flags Controversial, loose does not", Console: Now, rule: choice(func(c *Config) *string { return &c.Mode }, "strict", "loose")},
		{Key: "chat.max_tokens", Default: "2048", Help: "most tokens of an answer that a model writes, and how many it may have where a request does not say", Console: Now, rule: integer(func(c *Config) *int { return &c.ChatMaxTokens }, 1, 1<<15)},
		{Key: "chat.context", Default: "4096", Help: "most tokens of a conversation and its answer together; memory for so many is taken when a chat model is loaded", Console: Restart, rule: integer(func(c *Config) *int { return &c.ChatContext }, 256, 1<<17)},
		{Key: "moderation.keep_content", Default: "hash", Help: "none or hash; encrypted is not available yet", Console: Shown, rule: choice(func(c *Config) *string { return &c.KeepContent }, "none", "hash")},
		{Key: "moderation.cache_entries", Default: "16384", Help: "verdicts that are remembered, about 300 bytes each, so that an owner's equal text needs no model; 0 is none", Console: Now, rule: integer(func(c *Config) *int { return &c.CacheEntries }, 0, 1<<20)},
		{Key: "moderation.cache_ttl", Default: "10m", Help: "how long a verdict is remembered, 1s to 24h", Console: Now, rule: duration(func(c *Config) *time.Duration { return &c.CacheTTL }, time.Second, 24*time.Hour)},
		{Key: "moderation.cache_share_services", Default: "false", Help: "all service accounts share remembered verdicts; each learns from `cached` what the others sent", Console: Now, rule: boolean(func(c *Config) *bool { return &c.CacheShareServices })},
		{Key: "audit.checkpoint_rows", Default: "1000", Help: "rows of the log between signed checkpoints, 1 to 100,000", rule: integer(func(c *Config) *int { return &c.CheckpointRows }, 1, 100000)},
		{Key: "audit.checkpoint_every", Default: "10m", Help: "longest time until rows of the log are under a signed checkpoint, 1s to 24h", rule: duration(func(c *Config) *time.Duration { return &c.CheckpointEvery }, time.Second, 24*time.Hour)},
		{Key: "audit.anchor", Help: "folder for copies of checkpoints, on another disk or mount that the one who keeps the log can't change; anchor in the data folder if empty", rule: only(path(func(c *Config) *string { return &c.Anchor }))},
		{Key: "audit.export_dir", Help: "folder that scheduled exports of the log are written below: the server's own, outside its data, and nobody else's to write to. Empty is off", rule: only(path(func(c *Config) *string { return &c.ExportDir }))},
		{Key: "audit.key_dir", Help: "folder of the key that signs checkpoints; audit in the data folder if empty", rule: only(path(func(c *Config) *string { return &c.AuditKeyDir }))},
	}
}

func path(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if strings.ContainsRune(v, 0) {
			return errors.New("holds a NUL")
		}
		*field(c) = v
		if v != "" {
			*field(c) = filepath.Clean(v)
		}
		return nil
	}
}

// optional is address for a listener that "" switches off.
func optional(field func(*Config) *string) func(*Config, string) error {
	given := address(field)
	return func(c *Config, v string) error {
		if v == "" {
			*field(c) = ""
			return nil
		}
		return given(c, v)
	}
}

// address takes host:port.
func address(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		host, port, err := net.SplitHostPort(v)
		if err != nil {
			return errors.New("wants host:port")
		}
		n, err := strconv.Atoi(port)
		if err != nil || n < 0 || n > 65535 {
			return errors.New("wants a port from 0 to 65535")
		}
		*field(c) = net.JoinHostPort(host, port)
		return nil
	}
}

func level(c *Config, v string) error {
	if err := c.LogLevel.UnmarshalText([]byte(v)); err != nil {
		return errors.New("wants debug, info, warn or error")
	}
	return nil
}

func secret(field func(*Config) *Secret) func(*Config, string) error {
	return func(c *Config, v string) error {
		*field(c) = Secret(v)
		return nil
	}
}

func list(field func(*Config) *[]string) func(*Config, string) error {
	return func(c *Config, v string) error {
		*field(c) = nil
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*field(c) = append(*field(c), part)
			}
		}
		return nil
	}
}

// sums takes SHA-256 hashes in hexadecimal.
func sums(c *Config, v string) error {
	if err := list(func(c *Config) *[]string { return &c.AllowedSHA256 })(c, v); err != nil {
		return err
	}
	for i, sum := range c.AllowedSHA256 {
		if sum = strings.ToLower(sum); len(sum) != 64 || strings.Trim(sum, "0123456789abcdef") != "" {
			return errors.New("wants SHA-256 hashes of 64 hexadecimal digits")
		}
		c.AllowedSHA256[i] = sum
	}
	return nil
}

func aliases(c *Config, v string) error {
	var pairs []string
	if err := list(func(*Config) *[]string { return &pairs })(c, v); err != nil {
		return err
	}
	c.Aliases = make(map[string]string, len(pairs))
	for _, pair := range pairs {
		alias, id, ok := strings.Cut(pair, "=")
		if !ok || alias == "" || id == "" {
			return errors.New("wants alias=id")
		}
		c.Aliases[alias] = id
	}
	return nil
}

func weights(c *Config, v string) error {
	var pairs []string
	if err := list(func(*Config) *[]string { return &pairs })(c, v); err != nil {
		return err
	}
	c.Weights = make(map[string]int, len(pairs))
	for _, pair := range pairs {
		role, number, ok := strings.Cut(pair, "=")
		n, err := strconv.Atoi(number)
		if _, twice := c.Weights[role]; !ok || role == "" || twice || err != nil || n < 1 || n > 16 {
			return errors.New("wants role=N with N from 1 to 16, each role once")
		}
		c.Weights[role] = n
	}
	return nil
}

func boolean(field func(*Config) *bool) rule {
	return rule{func(c *Config, v string) (err error) {
		if *field(c), err = strconv.ParseBool(v); err != nil {
			return errors.New("wants true or false")
		}
		return nil
	}, Kind{Type: Boolean}}
}

func integer(field func(*Config) *int, least, most int) rule {
	return rule{func(c *Config, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < least || n > most {
			return fmt.Errorf("wants a whole number from %d to %d", least, most)
		}
		*field(c) = n
		return nil
	}, Kind{Type: Integer, Min: strconv.Itoa(least), Max: strconv.Itoa(most)}}
}

func duration(field func(*Config) *time.Duration, least, most time.Duration) rule {
	return rule{func(c *Config, v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d < least || d > most {
			return fmt.Errorf("wants a time from %s to %s", short(least), short(most))
		}
		*field(c) = d
		return nil
	}, Kind{Type: Duration, Min: short(least), Max: short(most)}}
}

func choice(field func(*Config) *string, words ...string) rule {
	return rule{func(c *Config, v string) error {
		for _, word := range words {
			if v == word {
				*field(c) = v
				return nil
			}
		}
		return fmt.Errorf("wants one of %s", strings.Join(words, ", "))
	}, Kind{Type: Choice, Choices: words}}
}

// short writes a time without the units that are zero: 5m, not 5m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// idle takes no time at all, or one that no load takes.
func idle() rule {
	r := duration(func(c *Config) *time.Duration { return &c.IdleUnload }, 0, 720*time.Hour)
	given := r.apply
	r.apply = func(c *Config, v string) error {
		if err := given(c, v); err != nil {
			return err
		}
		if c.IdleUnload > 0 && c.IdleUnload < time.Minute {
			return errors.New("wants 0, or a time from 1m to 720h")
		}
		return nil
	}
	return r
}

// leastMemory is less than any model takes: a smaller number is a unit that was forgotten.
const leastMemory = 64 << 20

// memory takes plain bytes or a number with KiB, MiB or GiB; "" leaves it to the machine.
func memory(c *Config, v string) error {
	if c.Memory = 0; v == "" {
		return nil
	}
	return size(func(c *Config) *int64 { return &c.Memory }, leastMemory, 1<<50)(c, v)
}

// size takes plain bytes or a number with KiB, MiB or GiB.
func size(field func(*Config) *int64, least, most int64) func(*Config, string) error {
	return func(c *Config, v string) error {
		number, unit := v, int64(1)
		if rest, ok := strings.CutSuffix(v, "KiB"); ok {
			number, unit = rest, 1<<10
		} else if rest, ok := strings.CutSuffix(v, "MiB"); ok {
			number, unit = rest, 1<<20
		} else if rest, ok := strings.CutSuffix(v, "GiB"); ok {
			number, unit = rest, 1<<30
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/unit || n*unit < least || n*unit > most {
			return fmt.Errorf("wants bytes, KiB, MiB or GiB from %d to %d bytes", least, most)
		}
		*field(c) = n * unit
		return nil
	}
}
