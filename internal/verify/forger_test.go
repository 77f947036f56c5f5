package verify_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/proof"
)

// forger is a bundle whose newest key signs whatever it is shown, in its form or not.
type forger struct {
	*bundle

	name   string
	secret []byte // the four bytes that name the key, and the key
}

func newForger(t testing.TB, rows int) *forger {
	t.Helper()
	b := newBundle(t, rows)
	fresh, secret, err := proof.NewSigner(rand.Reader, install)
	require.NoError(t, err)
	old := b.signers[len(b.signers)-1]
	k, err := fresh.SignKey(proof.Key{Install: install, ID: fresh.ID(), Verifier: fresh.Verifier(), At: began, Previous: old.ID()}, &old)
	require.NoError(t, err)
	b.signers, b.signing.notes = append(b.signers, fresh), append(b.signing.notes, string(k))
	b.notes = append(b.notes, line("key", string(k)))
	parts := strings.SplitN(strings.TrimSpace(secret), "+", 5) // PRIVATE, KEY, the name, its hash, the seed behind a byte
	raw, err := base64.StdEncoding.DecodeString(parts[4])
	require.NoError(t, err)
	tag, err := hex.DecodeString(parts[3])
	require.NoError(t, err)
	b.fill()
	return &forger{b, parts[2], append(tag, ed25519.NewKeyFromSeed(raw[1:])...)}
}

func (f *forger) sign(text string) string {
	signature := append(slices.Clone(f.secret[:4]), ed25519.Sign(f.secret[4:], []byte(text))...)
	return text + "\n\u2014 " + f.name + " " + base64.StdEncoding.EncodeToString(signature) + "\n"
}

// says changes the text of the notes of a kind that are signed from now on.
func (f *forger) says(kind, old, fresh string) {
	f.forge = func(text string) []byte {
		if proof.KindOf([]byte(text)) == kind {
			require.Contains(f.t, text, old)
			text = strings.Replace(text, old, fresh, 1)
		}
		return []byte(f.sign(text))
	}
	f.fill()
}

// newMark is a last checkpoint whose text was changed.
func (f *forger) newMark(old, fresh string) {
	text, _, _ := strings.Cut(f.checkpoint(len(f.signers)-1, 3, len(f.events)), "\n\n")
	require.Contains(f.t, text+"\n", old)
	f.notes = append(f.notes, line("checkpoint", f.sign(strings.Replace(text+"\n", old, fresh, 1))))
	f.fill()
}

// removed takes rows out and puts a tombstone there.
func (f *forger) removed(from, to int, change func(s *proof.Tombstone)) {
	first, last := f.events[from-1], f.events[to-1]
	s := proof.Tombstone{
		Install: install, First: first.Seq, Last: last.Seq, Rows: last.Seq - first.Seq + 1, Previous: first.PrevHash, Hash: last.Hash, From: first.At, To: last.At,
		At: began, Rule: "audit 180", Event: "evt_x",
	}
	f.events, f.filtered = append(f.events[:from-1:from-1], f.events[to:]...), true
	if change != nil {
		change(&s)
		f.notes = append(f.notes, line("tombstone", string(f.bundle.sign(s.Text()))))
	}
	f.fill()
}

// keyNote puts another note of the newest key in the place of its own.
func (f *forger) keyNote(signed string) {
	f.notes[len(f.notes)-1] = line("key", signed)
	f.fill()
}

func (f *forger) swapped(twice bool) string {
	text, rest, _ := strings.Cut(f.signing.notes[len(f.signing.notes)-1], "\n\n")
	sigs := strings.SplitAfter(rest, "\n")
	if twice {
		return text + "\n\n" + sigs[1] + sigs[1]
	}
	return text + "\n\n" + sigs[1] + sigs[0]
}

func runPython(t testing.TB, text, keys string) (string, int) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), []byte(text), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "keys"), []byte(keys), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // against work without bound, which forgers ask for
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", "../../docs/verify.py", filepath.Join(dir, "f"), filepath.Join(dir, "keys"))
	cmd.Env = append(os.Environ(), "PYTHONIOENCODING=ascii")
	out, _ := cmd.CombinedOutput()
	require.NotContains(t, string(out), "Traceback")
	require.NotContains(t, string(out), "\x1b")
	return string(out), cmd.ProcessState.ExitCode()
}

// agree holds the verdict of the page of Python to that of the program: none is the word for a file that is refused without a finding.
func agree(t testing.TB, want string, r audit.Report, err error, out string, code int) {
	t.Helper()
	got := r.Finding
	if err != nil {
		got = none
	}
	require.Equal(t, want, got, "%s %v; Python: %s", r.Detail, err, out)
	switch want {
	case "":
		require.Zero(t, code, out)
	case none:
		require.Equal(t, 1, code, out)
	default:
		require.Equal(t, 1, code, out)
		require.True(t, strings.HasPrefix(out, want+":"), "%s, and Python: %s", want, out)
	}
}

const none = "none"

// period lets the pack be one of a time.
func (f *forger) period(from, to time.Time) {
	var parts []string
	for name, at := range map[string]time.Time{"from": from, "to": to} {
		if !at.IsZero() {
			parts = append(parts, `"`+name+`":"`+at.Format(time.RFC3339Nano)+`"`)
		}
	}
	if len(parts) == 2 && strings.HasPrefix(parts[0], `"to"`) {
		parts[0], parts[1] = parts[1], parts[0]
	}
	f.filter = "{" + strings.Join(parts, ",") + "}"
	f.more = func(e *proof.Evidence) { e.From, e.To = from, to }
	f.fill()
}

func (f *forger) backwards() {
	f.notes = append(f.notes[:1:1], f.notes[2], f.notes[4])
	f.events[6].At = began.Add(-time.Hour)
	f.link(7)
	f.fill()
}

// both changes what the pack and its rows say.
func (f *forger) both(old, fresh string) {
	f.forge = func(text string) []byte { return []byte(f.sign(strings.Replace(text, old, fresh, 1))) }
	f.fill()
}

// turns adds rows that say of a thousand keys that each took over from the one before.
func (f *forger) turns() {
	for i := range 1100 {
		last := f.events[len(f.events)-1]
		ev := last
		ev.ID, ev.Seq, ev.At = fmt.Sprint("evt_t", i), last.Seq+1, last.At.Add(time.Second)
		ev.Action, ev.Resource = "settings.manage", fmt.Sprint("audit-key:k", i+1)
		ev.Details = map[string]any{"change": "rotate", "before": fmt.Sprint("k", i)}
		f.events = append(f.events, ev)
	}
	f.link(1)
	f.notes = []string{f.notes[0], f.notes[2], f.notes[4]}
}

func (f *forger) many(kind string, n int) {
	for range n {
		f.notes = append(f.notes, line(kind, f.signing.notes[0]))
	}
}
