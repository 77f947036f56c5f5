package verify_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
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

// threat U1: whatever the holder of a key signs, both verifiers say the same of it.
func TestBothVerifiersSayTheSameOfPacks(t *testing.T) {
	const export, evidence = proof.KindManifest, proof.KindEvidence
	for name, c := range map[string]struct {
		change func(f *forger)
		want   string
	}{
		"as it is":                    {func(*forger) {}, ""},
		"a row edited, one deleted":   {func(f *forger) { f.removed(8, 8, nil) }, audit.Deleted},
		"rows under a tombstone":      {func(f *forger) { f.removed(6, 8, func(*proof.Tombstone) {}) }, ""},
		"the first under one":         {func(f *forger) { f.removed(1, 3, func(*proof.Tombstone) {}) }, ""},
		"the first without":           {func(f *forger) { f.removed(1, 1, nil) }, audit.Deleted},
		"a tombstone too short":       {func(f *forger) { f.removed(6, 8, func(s *proof.Tombstone) { s.Last--; s.Rows-- }) }, audit.Deleted},
		"a tombstone of others":       {func(f *forger) { f.removed(6, 8, func(s *proof.Tombstone) { s.Hash = strings.Repeat("ab", 32) }) }, audit.Deleted},
		"a tombstone that follows no": {func(f *forger) { f.removed(6, 8, func(s *proof.Tombstone) { s.Previous = strings.Repeat("ab", 32) }) }, audit.Deleted},
		"a tombstone over rows":       {func(f *forger) { f.removed(6, 8, func(s *proof.Tombstone) { s.Last++; s.Rows++ }) }, audit.Inserted},
		"the last row left out":       {func(f *forger) { f.ends = false; f.fill() }, audit.TailCut},
		"rows before the period":      {func(f *forger) { f.period(began.Add(2*time.Second), time.Time{}) }, audit.Edited},
		"rows behind the period":      {func(f *forger) { f.period(time.Time{}, began.Add(5*time.Second)) }, audit.Edited},
		"a period":                    {func(f *forger) { f.period(began, began.Add(time.Hour)) }, ""},
		"a clock set back":            {func(f *forger) { f.backwards() }, audit.ClockBack},
		"an extra line":               {func(f *forger) { f.says(evidence, "\nby rita\n", "\nby rita\nx y\n") }, audit.Edited},
		"a second by":                 {func(f *forger) { f.says(evidence, "\nby rita\n", "\nby rita\nby eve\n") }, audit.Edited},
		"a signed number":             {func(f *forger) { f.says(evidence, "\nbytes ", "\nbytes +") }, audit.Edited},
		"a leading nought":            {func(f *forger) { f.says(evidence, "\nfiles ", "\nfiles 0") }, audit.Edited},
		"a separator":                 {func(f *forger) { f.says(evidence, "\nby rita\n", "\nby rita\u2028by eve\n") }, audit.Edited},
		"an escape":                   {func(f *forger) { f.says(evidence, "\nby rita\n", "\nby \x1b[31mroot\n") }, audit.Edited},
		"a day that is none":          {func(f *forger) { f.says(evidence, "\nat 2026-11-22", "\nat 2026-11-31") }, audit.Edited},
		"another by":                  {func(f *forger) { f.says(evidence, "\nby rita\n", "\nby eve\n") }, audit.Edited},
		"another installation":        {func(f *forger) { f.says(evidence, "\ninstall ins_1\n", "\ninstall ins_2\n") }, audit.Edited},
		"a bidi name":                 {func(f *forger) { f.both("\nby rita\n", "\nby \u202eroot\n") }, ""},
		"a Chinese name":              {func(f *forger) { f.both("\nby rita\n", "\nby 王伟\n") }, ""},
		"a checkpoint's cause":        {func(f *forger) { f.newMark("cause rows", "cause whatever") }, audit.Edited},
		"a checkpoint's time":         {func(f *forger) { f.newMark("\nat 2026", "\nat never") }, audit.Edited},
		"a checkpoint":                {func(f *forger) { f.newMark("", "") }, ""},
		"a checkpoint that jumps":     {func(f *forger) { f.newMark("number 3", "number 4") }, audit.Deleted},
		"a checkpoint that goes back": {func(f *forger) { f.newMark("seq 12", "seq 2") }, audit.Deleted},
		"a row without a hash":        {func(f *forger) { f.newMark("seq 12", "seq 0") }, audit.Edited},
		"a short tombstone": {func(f *forger) {
			f.notes = append(f.notes, line("tombstone", f.sign(proof.KindTombstone+"\ninstall ins_1\n")))
			f.fill()
		}, audit.Edited},
		"a key signed twice":       {func(f *forger) { f.keyNote(f.swapped(true)) }, audit.Edited},
		"signatures swapped":       {func(f *forger) { f.keyNote(f.swapped(false)) }, audit.Edited},
		"a row of another version": {func(f *forger) { f.events[4].V = 2; f.link(5); f.fill() }, audit.Edited},
		"the manifest's hash":      {func(f *forger) { f.says(export, "\nhash "+f.events[11].Hash, "\nhash "+strings.Repeat("ab", 32)) }, audit.Edited},
		"the manifest's first": {func(f *forger) {
			f.filtered = true
			f.says(export, "\nfirst 1\n", "\nfirst 2\n")
			f.says(export, "\nrows 12\nfirst 1\n", "\nrows 11\nfirst 2\n")
		}, audit.Inserted},
		"the manifest of a table":    {func(f *forger) { f.says(export, "\nformat jsonl\n", "\nformat csv\n") }, audit.Edited},
		"a filter behind the filter": {func(f *forger) { f.says(export, "\nfilter {}\n", "\nfilter {}{\"action\":\"x\"}\n") }, audit.Edited},
		"a filter":                   {func(f *forger) { f.filter = `{"action":"moderation.run"}`; f.fill() }, audit.Edited},
		"a fork": {func(f *forger) {
			f.rival()
			f.notes = append(f.notes, line("key", f.signing.notes[len(f.signing.notes)-1]))
			f.fill()
		}, audit.Rebuilt},
		"no key":              {func(f *forger) { f.set("keys.notes", "") }, audit.Deleted},
		"other keys":          {func(f *forger) { f.set("keys.notes", strings.Join(f.notesOf("key"), "\n")) }, audit.Edited},
		"an old key":          {func(f *forger) { f.signers = append(f.signers, f.signers[0]) }, audit.Rebuilt},
		"too many keys":       {func(f *forger) { f.set("keys.notes", strings.Repeat(f.signing.notes[0], 1025)) }, audit.Edited},
		"a member more":       {func(f *forger) { f.members = append(f.members, member{"x.txt", "x"}) }, audit.Inserted},
		"a member less":       {func(f *forger) { f.drop("config.json") }, audit.Deleted},
		"members turned":      {func(f *forger) { f.members[0], f.members[1] = f.members[1], f.members[0] }, audit.Edited},
		"no checkpoints":      {func(f *forger) { f.set("checkpoints.notes", "") }, audit.Edited},
		"a checkpoint's lies": {func(f *forger) { f.newMark("\nhash "+f.events[11].Hash, "\nhash "+strings.Repeat("ab", 32)) }, audit.Rebuilt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForger(t, 12)
			keys := f.signers[0].Verifier() + "\n"
			c.change(f)
			raw := f.raw()
			known, err := proof.ParseKeys([]byte(keys))
			require.NoError(t, err)
			p, err := packOf(t, raw, known)
			out, code := runPython(t, string(raw), keys)
			agree(t, c.want, p.Report, err, out, code)
			require.NotContains(t, out, "\u202e")
		})
	}
}

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

// threat U1: the same of exports; the line of the manifest is under no hash but has one spelling.
func TestBothVerifiersSayTheSameOfExports(t *testing.T) {
	manifest := func(change func(line string) string) func(f *forger) string {
		return func(f *forger) string {
			text := strings.TrimSuffix(f.jsonl(), "\n")
			at := strings.LastIndex(text, "\n") + 1
			return text[:at] + change(text[at:])
		}
	}
	gap := func(change func(s *proof.Tombstone)) func(f *forger) string {
		return func(f *forger) string {
			f.removed(6, 8, change)
			return f.jsonl()
		}
	}
	for name, c := range map[string]struct {
		make func(f *forger) string
		want string
	}{
		"as it is":      {func(f *forger) string { return f.jsonl() }, ""},
		"a space":       {manifest(func(l string) string { return strings.Replace(l, `{"manifest":`, `{"manifest": `, 1) + "\n" }), none},
		"spaces behind": {manifest(func(l string) string { return l + "  \n" }), none},
		"a return":      {manifest(func(l string) string { return l + "\r\n" }), none},
		"an escape":     {manifest(func(l string) string { return strings.Replace(l, `"guardhouse`, `"\u0067uardhouse`, 1) + "\n" }), none},
		"a text before": {manifest(func(l string) string {
			return strings.Replace(l, `{`, `{"manifest":"whatever somebody wants",`, 1) + "\n"
		}), none},
		"no end":             {manifest(func(l string) string { return l }), audit.TailCut},
		"rows left out":      {gap(nil), ""},
		"under a tombstone":  {gap(func(*proof.Tombstone) {}), ""},
		"under a part":       {gap(func(s *proof.Tombstone) { s.Last--; s.Rows-- }), audit.Deleted},
		"under another":      {gap(func(s *proof.Tombstone) { s.Hash = strings.Repeat("ab", 32) }), audit.Deleted},
		"a clock set back":   {func(f *forger) string { f.backwards(); return f.jsonl() }, audit.ClockBack},
		"the key many times": {func(f *forger) string { f.many("key", 1030); return f.jsonl() }, audit.Edited},
		"a tombstone many times": {func(f *forger) string {
			f.bury(len(f.signers)-1, 3)
			f.notes = append(f.notes, slices.Repeat(f.notes[len(f.notes)-1:], 15_000)...)
			return f.jsonl()
		}, ""},
		"changes of keys by the thousand": {func(f *forger) string { f.turns(); return f.jsonl() }, ""},
		"a table's":                       {func(f *forger) string { f.says(proof.KindManifest, "format jsonl", "format csv"); return f.jsonl() }, audit.Edited},
		"a manifest's place":              {func(f *forger) string { f.says(proof.KindManifest, "\nrows 12\n", "\nrows 012\n"); return f.jsonl() }, audit.Edited},
		"a key and its spaces":            {func(f *forger) string { return strings.Replace(f.jsonl(), `{"key":"`, `{"key": "`, 1) }, none},
		"a row with more":                 {func(f *forger) string { return strings.Replace(f.jsonl(), `,"v":1}`, `,"v":1,"x":2}`, 1) }, audit.Edited},
		"a key's spelling": {func(f *forger) string {
			n := f.signing.notes[0]
			at := strings.LastIndex(n, " ") + 1
			raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(n[at:]))
			require.NoError(f.t, err)
			other := []byte(base64.StdEncoding.EncodeToString(raw))
			other[len(other)-2]++
			again, err := base64.StdEncoding.DecodeString(string(other))
			require.NoError(f.t, err)
			require.Equal(f.t, raw, again)
			f.notes[0] = line("key", n[:at]+string(other)+"\n")
			return f.jsonl()
		}, audit.Edited},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForger(t, 12)
			keys := f.signers[0].Verifier() + "\n"
			text := c.make(f)
			r, err := f.check(text)
			out, code := runPython(t, text, keys)
			agree(t, c.want, r.Report, err, out, code)
			if c.want == "" && strings.Contains(text, "contiguous no") {
				said, err := json.Marshal(r.NotProvable)
				require.NoError(t, err)
				require.Equal(t, strings.Contains(string(said), "deleted: "), strings.Contains(out, "not provable: deleted: "), "%s; %s", said, out)
			}
		})
	}
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

// The file of keys is read in the same way by both: comments and blanks may stand anywhere, and a mark of bytes before it.
func TestBothVerifiersReadTheSameKeys(t *testing.T) {
	f := newForger(t, 12)
	key, raw := f.signers[0].Verifier(), string(f.raw())
	utf16 := func(text string) string {
		out := "\xff\xfe"
		for _, c := range []byte(text) {
			out += string([]byte{c, 0})
		}
		return out
	}
	for name, c := range map[string]struct {
		text string
		good bool
	}{
		"indented comment": {"  # mine\n" + key + "\n", true}, "comment of others": {"# 王伟 \xe9\n" + key, true}, "blanks": {"\n \t\n  " + key + " \r\n", true},
		"a mark": {"\ufeff" + key + "\r\n", true}, "a mark and a comment": {"\ufeff# x\n" + key, true}, "UTF-16": {utf16(key + "\r\n"), false}, "nothing": {"# x\n", false},
		"rubbish": {"x\n" + key, false}, "an escape": {"\x1b[31m\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			known, err := proof.ParseKeys([]byte(c.text))
			require.Equal(t, c.good, err == nil, "%v", err)
			out, code := runPython(t, raw, c.text)
			require.Equal(t, c.good, code == 0, out)
			if c.good {
				p, err := packOf(t, []byte(raw), known)
				require.NoError(t, err)
				require.True(t, p.OK(), p.Detail)
				return
			}
			require.Contains(t, out, "the file of public keys")
			require.Contains(t, strings.ToLower(err.Error()), "public key")
		})
	}
}

// What cannot be read ends Python with one line and the status of wrong usage; nothing waits for a pipe.
func TestPythonSaysWhatItCannotRead(t *testing.T) {
	f := newForger(t, 12)
	dir := t.TempDir()
	pack, keys, pipe := filepath.Join(dir, "p\x1b.zip"), filepath.Join(dir, "keys"), filepath.Join(dir, "pipe")
	require.NoError(t, os.WriteFile(pack, f.raw(), 0o600))
	require.NoError(t, os.WriteFile(keys, []byte(f.signers[0].Verifier()), 0o600))
	require.NoError(t, exec.CommandContext(t.Context(), "mkfifo", pipe).Run())
	for name, args := range map[string][]string{
		"a folder": {dir, keys}, "keys that are a folder": {pack, dir}, "a pipe": {pipe, keys}, "keys that are a pipe": {pack, pipe}, "no file": {pack + "x", keys},
		"no keys": {pack, keys + "x"}, "no arguments": nil,
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "python3", append([]string{"../../docs/verify.py"}, args...)...)
			out, err := cmd.CombinedOutput()
			require.Error(t, err)
			require.Equal(t, 2, cmd.ProcessState.ExitCode(), string(out))
			require.NotContains(t, string(out), "Traceback")
			require.NotContains(t, string(out), "\x1b")
			require.True(t, args == nil || strings.Count(string(out), "\n") == 1, string(out))
		})
	}
}
