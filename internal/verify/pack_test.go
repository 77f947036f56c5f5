package verify_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/evidence/archive"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
	"guardhouse/internal/verify"
)

// bundle is an evidence pack under construction: its members in their order, and what changes what is signed.
type bundle struct {
	*paper

	members []member
	more    func(e *proof.Evidence)
	at      time.Time
}

type member struct{ name, text string }

func newBundle(t testing.TB, rows int) *bundle {
	t.Helper()
	b := &bundle{paper: newPaper(t, rows), at: began}
	b.paper.ends = true
	b.fill()
	return b
}

// fill makes the members of the paper as it stands.
func (b *bundle) fill() {
	b.t.Helper()
	b.members = nil
	for _, name := range []string{"README.md", "verify.py", "config.json", "people.json", "policy.jsonl", "models.json", "sbom.json"} {
		b.members = append(b.members, member{name, name + "\n"})
	}
	b.members = append(b.members, member{"audit.jsonl", b.jsonl()})
	for _, kind := range []string{"key", "checkpoint", "tombstone"} {
		var text strings.Builder
		for _, n := range b.notesOf(kind) {
			text.WriteString(n)
		}
		if kind != "tombstone" || text.Len() > 0 {
			b.members = append(b.members, member{kind + "s.notes", text.String()})
		}
	}
}

// notesOf answers the notes of a kind that stand behind the rows.
func (b *bundle) notesOf(kind string) (out []string) {
	b.t.Helper()
	for _, l := range b.notes {
		var one map[string]string
		require.NoError(b.t, json.Unmarshal([]byte(l), &one))
		if note, ok := one[kind]; ok {
			out = append(out, note)
		}
	}
	return out
}

// marks are the checkpoints of the pack.
func (b *bundle) marks() []string { return b.notesOf("checkpoint") }

func (b *bundle) set(name, text string) {
	for i := range b.members {
		if b.members[i].name == name {
			b.members[i].text = text
		}
	}
}

func (b *bundle) drop(name string) {
	b.members = slices.DeleteFunc(b.members, func(m member) bool { return m.name == name })
}

func (b *bundle) raw() []byte {
	b.t.Helper()
	var out bytes.Buffer
	w := archive.NewWriter(&out, b.at)
	for _, m := range b.members {
		to, err := w.Create(m.name)
		require.NoError(b.t, err)
		_, err = io.WriteString(to, m.text)
		require.NoError(b.t, err)
	}
	files, n, sum, err := w.Members()
	require.NoError(b.t, err)
	head := b.events[len(b.events)-1]
	e := proof.Evidence{Install: install, Version: "1.2.0", At: began, By: "rita", HeadSeq: b.headSeq(), HeadHash: head.Hash, Bytes: n, SHA256: sum}
	for _, f := range files {
		e.Files = append(e.Files, proof.File(f2(f)))
	}
	if b.more != nil {
		b.more(&e)
	}
	require.NoError(b.t, w.Finish(b.sign(e.Text())))
	return out.Bytes()
}

func f2(f archive.File) proof.File { return proof.File{SHA256: f.SHA256, Size: f.Size, Name: f.Name} }

func packOf(t testing.TB, raw []byte, keys proof.Keys) (verify.Packed, error) {
	t.Helper()
	return verify.PackFrom(t.Context(), bytes.NewReader(raw), int64(len(raw)), keys)
}

func (b *bundle) python(raw []byte) (string, error) {
	b.t.Helper()
	dir := b.t.TempDir()
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, "pack.zip"), raw, 0o600))
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, "keys"), []byte(b.signers[0].Verifier()+"\n"), 0o600))
	out, err := exec.CommandContext(b.t.Context(), "python3", "../../docs/verify.py", filepath.Join(dir, "pack.zip"), filepath.Join(dir, "keys")).CombinedOutput()
	return string(out), err
}

func TestPacksAreProvedWithKeysAlone(t *testing.T) {
	b := newBundle(t, 40)
	raw := b.raw()
	p, err := packOf(t, raw, b.public())
	require.NoError(t, err)
	require.True(t, p.OK(), p.Detail)
	require.EqualValues(t, 40, p.Rows)
	require.EqualValues(t, 2, p.Checkpoints)
	require.Equal(t, verify.Given, p.TrustedBy)
	require.Equal(t, b.signers[1].ID(), p.Key)
	require.Equal(t, "rita", p.Evidence.By)
	require.Len(t, p.NotProvable, 1)

	own, err := packOf(t, raw, proof.Keys{})
	require.NoError(t, err)
	require.True(t, own.OK(), own.Detail)
	require.Equal(t, verify.Own, own.TrustedBy)
	require.Contains(t, own.NotProvable[len(own.NotProvable)-1], "the pack's own word")

	out, err := b.python(raw)
	require.NoError(t, err, out)
	require.Contains(t, out, "nothing is wrong")
}

// threat U1: whatever byte of a pack is changed, both verifiers say no; so they do of one that is longer or shorter.
func TestAnyChangedByteOfAPackFails(t *testing.T) {
	b := newBundle(t, 8)
	raw, keys := b.raw(), b.public()
	fails := func(changed []byte, what string, at int) {
		p, err := packOf(t, changed, keys)
		require.True(t, err != nil || !p.OK(), "%s %d", what, at)
	}
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= byte(1 << rand.N(8))
		fails(changed, "a bit of byte", i)
		if i%7 == 0 {
			fails(append(bytes.Clone(raw[:i]), raw[i+1:]...), "without byte", i)
			fails(raw[:i], "cut at", i)
		}
	}
	fails(append(bytes.Clone(raw), 'x'), "appended", 0)
	fails(append([]byte{'x'}, raw...), "prepended", 0)
	b.everyByteInPython(raw)
	for _, changed := range [][]byte{append(bytes.Clone(raw), 'x'), append([]byte{'x'}, raw...), raw[:len(raw)/2], {}} {
		out, err := b.python(changed)
		require.Error(t, err, out)
		require.NotContains(t, out, "Traceback")
	}
}

// harness changes a byte after the other for the verifier in docs: all of them but in packed content, where every seventh has to do. Signatures
// that were found good are remembered, for each takes Python milliseconds.
const harness = `
import functools, os, sys
sys.path.insert(0, "../../docs")
sys.dont_write_bytecode = True
import verify
verify.signed = functools.lru_cache(maxsize=None)(verify.signed)
raw, path = open(sys.argv[1], "rb").read(), sys.argv[1] + ".changed"
def good(data):
    with open(path, "wb") as out:
        out.write(data)
    keys = {}
    verify.add_key(keys, open(sys.argv[2]).read().strip())
    try:
        verify.check_pack(path, keys)
        return True
    except SystemExit:
        return False
    except (verify.Wrong, ValueError, KeyError, TypeError, IndexError, AttributeError, EOFError, NotImplementedError, verify.struct.error, verify.zlib.error, verify.zipfile.BadZipFile):
        return False
assert good(raw)
begin, end = raw.index(b"audit.jsonl") + 11, raw.index(b"keys.notes") - 46
tried = 0
for at in range(len(raw)):
    if begin < at < end and at % 7:
        continue
    changed = bytearray(raw)
    changed[at] ^= 1 << at % 8
    tried += 1
    if good(bytes(changed)):
        sys.exit(f"byte {at} does not count")
print(tried)
`

func (b *bundle) everyByteInPython(raw []byte) {
	b.t.Helper()
	dir := b.t.TempDir()
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, "pack.zip"), raw, 0o600))
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, "keys"), []byte(b.signers[0].Verifier()+"\n"), 0o600))
	out, err := exec.CommandContext(b.t.Context(), "python3", "-c", harness, filepath.Join(dir, "pack.zip"), filepath.Join(dir, "keys")).CombinedOutput()
	require.NoError(b.t, err, string(out))
	b.t.Logf("%d bytes, of which Python was shown %s changed", len(raw), bytes.TrimSpace(out))
}

// threat U1: what whoever has a key can sign is held against the rest of the pack, and what he has not is named.
func TestPacksThatDoNotFit(t *testing.T) {
	type change func(b *bundle)
	for name, c := range map[string]struct {
		change  change
		finding string
		words   string
	}{
		"another's pack": {func(b *bundle) {
			other := newBundle(t, 12)
			b.signing.notes, b.members = other.signing.notes, other.members
			b.signers = append(b.signers[:1:1], other.signers...)
		}, audit.Deleted, "known one"},
		"no rows":            {func(b *bundle) { b.drop("audit.jsonl") }, audit.Deleted, "audit.jsonl"},
		"no keys":            {func(b *bundle) { b.drop("keys.notes") }, audit.Deleted, "keys.notes"},
		"rubbish for keys":   {func(b *bundle) { b.set("keys.notes", strings.Repeat("x", 5<<20)) }, audit.Edited, "longer than keys"},
		"other bytes":        {func(b *bundle) { b.more = func(e *proof.Evidence) { e.SHA256 = strings.Repeat("0", 64) } }, audit.Edited, "byte for byte"},
		"another time":       {func(b *bundle) { b.at = began.Add(time.Hour) }, audit.Edited, "another time"},
		"a file less":        {func(b *bundle) { b.more = func(e *proof.Evidence) { e.Files = e.Files[1:] } }, audit.Edited, "members"},
		"another name":       {func(b *bundle) { b.more = func(e *proof.Evidence) { e.Files[0].Name = "x" } }, audit.Edited, "member 1"},
		"another length":     {func(b *bundle) { b.more = func(e *proof.Evidence) { e.Files[1].Size++ } }, audit.Edited, "member 2"},
		"another hash":       {func(b *bundle) { b.more = func(e *proof.Evidence) { e.Files[2].SHA256 = strings.Repeat("1", 64) } }, audit.Edited, "config.json"},
		"another range":      {func(b *bundle) { b.more = func(e *proof.Evidence) { e.From = began } }, audit.Edited, "not the export"},
		"another head":       {func(b *bundle) { b.more = func(e *proof.Evidence) { e.HeadSeq = 98 } }, audit.Edited, "not the export"},
		"a changed row":      {func(b *bundle) { b.set("audit.jsonl", strings.Replace(b.jsonl(), `"items":7`, `"items":8`, 1)) }, audit.Edited, "row 8"},
		"a checkpoint less":  {func(b *bundle) { b.set("checkpoints.notes", b.marks()[1]) }, audit.Edited, "those of audit.jsonl"},
		"checkpoints turned": {func(b *bundle) { m := b.marks(); b.set("checkpoints.notes", m[1]+m[0]) }, audit.Deleted, "checkpoint 2"},
		"no checkpoint":      {func(b *bundle) { b.set("checkpoints.notes", "guardhouse/checkpoint/v1\nx y\n") }, audit.Edited, "checkpoint 1"},
		"endless notes":      {func(b *bundle) { b.set("checkpoints.notes", strings.Repeat("x", 1<<20)) }, audit.Edited, "no note"},
		"no tombstone":       {func(b *bundle) { b.members = append(b.members, member{"tombstones.notes", b.marks()[0]}) }, audit.Edited, "tombstone 1"},
		"an old key":         {func(b *bundle) { b.signers = append(b.signers, b.signers[0]) }, audit.Rebuilt, "had been replaced"},
		"another row": {func(b *bundle) {
			ev := b.events[4]
			ev.Hash = strings.Repeat("ab", 32)
			one := b.sign(proof.Checkpoint{Install: install, Number: 1, Seq: ev.Seq, Hash: ev.Hash, At: ev.At, Cause: proof.CauseRows, Previous: proof.Zero}.Text())
			b.notes = []string{b.notes[0], b.notes[2], line("checkpoint", string(one))}
			b.fill()
		}, audit.Rebuilt, "checkpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBundle(t, 12)
			keys := b.public()
			c.change(b)
			raw := b.raw()
			p, err := packOf(t, raw, keys)
			require.NoError(t, err)
			require.Equal(t, c.finding, p.Finding, p.Detail)
			require.Contains(t, p.Detail, c.words)
			out, err := b.python(raw)
			require.Equal(t, c.finding == "", err == nil, out)
			require.NotContains(t, out, "Traceback")
		})
	}
}

// A pack whose rows are no export is refused as one, with the member's name.
func TestPacksWithoutRows(t *testing.T) {
	b := newBundle(t, 12)
	b.set("audit.jsonl", "no rows\n")
	_, err := packOf(t, b.raw(), b.public())
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	require.Contains(t, err.Error(), "audit.jsonl")
	out, err := b.python(b.raw())
	require.Error(t, err)
	require.NotContains(t, out, "Traceback")
}

func TestPackFilesThatAreNone(t *testing.T) {
	sparse := filepath.Join(t.TempDir(), "sparse")
	require.NoError(t, os.WriteFile(sparse, nil, 0o600))
	require.NoError(t, os.Truncate(sparse, 10<<30))
	small := filepath.Join(t.TempDir(), "small")
	require.NoError(t, os.WriteFile(small, nil, 0o600))
	require.NoError(t, os.Truncate(small, 3<<30))
	for _, path := range []string{sparse, small, t.TempDir(), "/dev/zero", filepath.Join(t.TempDir(), "absent")} {
		_, err := verify.Pack(t.Context(), path, proof.Keys{})
		require.Equal(t, fault.Invalid, fault.CodeOf(err), path)
	}
}

// FuzzPack: whatever the bytes are, the answer is a finding or a refusal, unless they are those that were signed.
func FuzzPack(f *testing.F) {
	b := newBundle(f, 8)
	raw, keys := b.raw(), b.public()
	f.Add(0, []byte{1}, 0)
	f.Add(len(raw)-22, []byte("PK\x05\x06"), 4)
	f.Add(len(raw), []byte("behind"), 0)
	f.Add(30, []byte("../README"), 9)
	f.Add(0, raw, len(raw))
	note, err := json.Marshal(b.signing.notes)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(len(raw)/2, note, len(note))
	f.Fuzz(func(t *testing.T, at int, put []byte, instead int) {
		if at < 0 || at > len(raw) || instead < 0 || at+instead > len(raw) {
			return
		}
		changed := append(append(bytes.Clone(raw[:at]), put...), raw[at+instead:]...)
		p, err := packOf(t, changed, keys)
		if good := err == nil && p.OK(); good != bytes.Equal(raw, changed) {
			t.Fatalf("good %v at %d: %v %s", good, at, err, p.Detail)
		}
	})
}
