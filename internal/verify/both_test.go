package verify_test

import (
	"encoding/base64"
	"encoding/json"
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
