package verify_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
	"guardhouse/internal/verify"
)

// paper is an export under construction: its lines, and who signs it.
type paper struct {
	signing
	events   []audit.Event
	notes    []string // lines behind the rows
	filtered bool
	before   string // the last checkpoint's note
	ends     bool   // the log ends with the last row
	filter   string // "" is none
}

// headSeq is the end of the log when the paper is written.
func (p *paper) headSeq() int64 {
	if p.ends {
		return p.events[len(p.events)-1].Seq
	}
	return 99
}

func newPaper(t testing.TB, n int) *paper {
	t.Helper()
	p := &paper{signing: signing{t: t}}
	p.rotate(began)
	previous := audit.Genesis
	for i := range n {
		ev := audit.Event{
			V: 1, ID: fmt.Sprint("evt_", i+1), Seq: int64(i + 1), At: began.Add(time.Duration(i) * time.Second), Actor: audit.Actor{Type: "user", Name: "rita \u202e \x1b[31m \u2028 😀"},
			Roles: []string{"reviewer"}, Groups: []string{}, Action: "moderation.run", Decision: "allow", UserAgent: "<&> \x01 \x7f \" \\",
			Duration: time.Duration(i*37) * time.Microsecond, Details: map[string]any{"items": i, "list": []any{nil, true, "é"}}, PrevHash: previous,
		}
		ev.Hash = ev.ComputeHash()
		previous = ev.Hash
		p.events = append(p.events, ev)
	}
	p.notes = append(p.notes, line("key", p.signing.notes[0]))
	p.mark(1, 5)
	p.rotate(began)
	p.notes = append(p.notes, line("key", p.signing.notes[1]))
	p.mark(2, n-2)
	return p
}

func (p *paper) mark(number int64, row int) {
	p.t.Helper()
	p.notes = append(p.notes, line("checkpoint", p.checkpoint(len(p.signers)-1, number, row)))
}

// checkpoint is one that some key has signed.
func (p *paper) checkpoint(signer int, number int64, row int) string {
	p.t.Helper()
	previous := proof.Zero
	if p.before != "" {
		previous = proof.Hash([]byte(p.before))
	}
	ev := p.events[row-1]
	text, err := proof.Checkpoint{Install: install, Number: number, Seq: ev.Seq, Hash: ev.Hash, At: ev.At, Cause: proof.CauseRows, Previous: previous}.Text()
	require.NoError(p.t, err)
	note, err := p.signers[signer].Sign(text)
	require.NoError(p.t, err)
	p.before = string(note)
	return p.before
}

func line(kind, note string) string {
	b, err := json.Marshal(map[string]string{kind: note})
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// jsonl is the file; the manifest speaks of what was written.
func (p *paper) jsonl() string {
	p.t.Helper()
	var b strings.Builder
	for _, ev := range p.events {
		text, err := ev.MarshalJSON()
		require.NoError(p.t, err)
		b.Write(append(text, '\n'))
	}
	for _, n := range p.notes {
		b.WriteString(n + "\n")
	}
	return b.String() + line("manifest", string(p.manifest("jsonl", b.String()))) + "\n"
}

func (p *paper) manifest(format, text string) []byte {
	first, last := p.events[0], p.events[len(p.events)-1]
	sum := sha256.Sum256([]byte(text))
	return p.sign(proof.Manifest{
		Install: install, Format: format, Rows: int64(len(p.events)), First: first.Seq, Last: last.Seq, Bytes: int64(len(text)), SHA256: hex.EncodeToString(sum[:]),
		Contiguous: !p.filtered, Previous: first.PrevHash, Hash: last.Hash, Filter: cmp.Or(p.filter, "{}"), At: began, By: "rita", HeadSeq: p.headSeq(), HeadHash: last.Hash,
	}.Text())
}

// csv is the same rows as a table.
func (p *paper) csv() string {
	p.t.Helper()
	b := "\uFEFF" + strings.Join(audit.Columns(), ",") + "\r\n"
	quoted := func(cells []string) {
		for i, c := range cells {
			if i > 0 {
				b += ","
			}
			b += `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
		}
		b += "\r\n"
	}
	for _, ev := range p.events {
		cells, err := ev.Cells()
		require.NoError(p.t, err)
		quoted(cells)
	}
	cells := make([]string, len(audit.Columns()))
	cells[0], cells[1] = "#manifest", string(p.manifest("csv", b))
	quoted(cells)
	return b
}

// check has every key of the log, as a table brings none; JSON lines are checked with the first alone.
func (p *paper) check(text string) (verify.File, error) {
	p.t.Helper()
	keys := p.public()
	if !strings.HasPrefix(text, "{") {
		for _, note := range p.signing.notes {
			_, err := keys.Learn([]byte(note))
			require.NoError(p.t, err)
		}
	}
	return verify.ExportFrom(p.t.Context(), strings.NewReader(text), keys)
}

// python runs docs/verify.py as it stands there.
func (p *paper) python(text string) (string, error) {
	p.t.Helper()
	python, err := exec.LookPath("python3")
	require.NoError(p.t, err, "the verifier in docs is run with python3")
	dir := p.t.TempDir()
	require.NoError(p.t, os.WriteFile(filepath.Join(dir, "e.jsonl"), []byte(text), 0o600))
	require.NoError(p.t, os.WriteFile(filepath.Join(dir, "keys"), []byte("# the first\n"+p.signers[0].Verifier()+"\n"), 0o600))
	out, err := exec.CommandContext(p.t.Context(), python, "../../docs/verify.py", filepath.Join(dir, "e.jsonl"), filepath.Join(dir, "keys")).CombinedOutput()
	return string(out), err
}

func TestExportsAreProvedWithKeysAlone(t *testing.T) {
	p := newPaper(t, 40)
	f, err := p.check(p.jsonl())
	require.NoError(t, err)
	require.True(t, f.OK(), f.Detail)
	require.EqualValues(t, 40, f.Rows)
	require.EqualValues(t, 2, f.Checkpoints)
	require.Contains(t, f.NotProvable[0], "tail-cut: rows could have followed row 40 after the export was made; the log then ended with row 99")
	out, err := p.python(p.jsonl())
	require.NoError(t, err, out)
	require.Contains(t, out, "40 rows, 2 checkpoints: nothing is wrong")

	f, err = p.check(p.csv())
	require.NoError(t, err)
	require.True(t, f.OK(), f.Detail)
	require.EqualValues(t, 40, f.Rows)

	p.events, p.filtered = append(p.events[3:9:9], p.events[20:]...), true
	f, err = p.check(p.jsonl())
	require.NoError(t, err)
	require.True(t, f.OK(), f.Detail)
	require.Len(t, f.NotProvable, 2)
	out, err = p.python(p.jsonl())
	require.NoError(t, err, out)

	_, err = verify.ExportFrom(t.Context(), strings.NewReader(p.jsonl()), proof.Keys{})
	require.Equal(t, fault.Invalid, fault.CodeOf(err), "without keys nothing is proved")
}

// threat U1: both verifiers find every change.
func TestChangedExportsAreFound(t *testing.T) {
	p := newPaper(t, 40)
	whole := p.jsonl()
	lines := strings.SplitAfter(strings.TrimSuffix(whole, "\n"), "\n")
	lines[len(lines)-1] += "\n"
	without := func(i int) string { return strings.Join(append(append([]string{}, lines[:i]...), lines[i+1:]...), "") }
	swapped := func(i, j int) string {
		l := append([]string{}, lines...)
		l[i], l[j] = l[j], l[i]
		return strings.Join(l, "")
	}
	other := newPaper(t, 40)
	other.events[7].Reason = "x"
	other.events[7].Hash = other.events[7].ComputeHash()
	rehashed := other.events[7]
	text, err := rehashed.MarshalJSON()
	require.NoError(t, err)
	cases := map[string]struct{ text, finding string }{
		"a value":                  {strings.Replace(whole, `"items":7`, `"items":8`, 1), audit.Edited},
		"a hash":                   {strings.Replace(whole, p.events[6].Hash, strings.Repeat("0", 64), 1), audit.Edited},
		"a row with its hash":      {strings.Replace(whole, lines[7], string(text)+"\n", 1), audit.Edited},
		"the first row":            {without(0), audit.Deleted},
		"a middle row":             {without(12), audit.Deleted},
		"the last row":             {without(39), audit.TailCut},
		"rows swapped":             {swapped(10, 11), ""},
		"a row twice":              {strings.Join(lines[:10], "") + lines[9] + strings.Join(lines[10:], ""), audit.Reordered},
		"a checkpoint away":        {without(41), audit.Edited},
		"a key away":               {without(42), audit.Rebuilt},
		"the manifest away":        {strings.Join(lines[:len(lines)-1], ""), audit.TailCut},
		"half of the file":         {whole[:len(whole)/2], audit.TailCut},
		"another's export":         {newPaper(t, 40).jsonl(), audit.Rebuilt},
		"another's checkpoint":     {strings.Replace(whole, lines[41], newPaper(t, 40).notes[1]+"\n", 1), audit.Rebuilt},
		"a row behind the rows":    {strings.Join(lines[:44], "") + lines[3] + lines[44], audit.Inserted},
		"something behind it":      {whole + lines[41], audit.Inserted},
		"spaces":                   {strings.Replace(whole, `,"id":"evt_9"`, `, "id":"evt_9"`, 1), audit.Edited},
		"a member twice":           {strings.Replace(whole, `{"action":"moderation.run",`, `{"action":"x","action":"moderation.run",`, 1), audit.Edited},
		"an escape":                {strings.Replace(whole, `"id":"evt_9"`, `"id":"evt_\u0039"`, 1), audit.Edited},
		"bytes that are not UTF-8": {strings.Replace(whole, "reviewer", "review\xff\xfe", 1), audit.Edited},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, whole, c.text)
			f, err := p.check(c.text)
			require.NoError(t, err)
			require.False(t, f.OK())
			if c.finding != "" {
				require.Equal(t, c.finding, f.Finding, f.Detail)
			}
			require.NotContains(t, f.Detail, "\x1b")
			out, err := p.python(c.text)
			require.Error(t, err, "the page of Python finds it too")
			require.NotContains(t, out, "Traceback")
			require.NotContains(t, out, "\x1b")
		})
	}
}

func TestChangedTablesAreFound(t *testing.T) {
	p := newPaper(t, 12)
	whole := p.csv()
	records := strings.SplitAfter(whole, "\r\n")
	for name, c := range map[string]struct{ text, finding string }{
		"a cell":            {strings.Replace(whole, "moderation.run", "moderation.rum", 1), audit.Edited},
		"a record away":     {strings.Replace(whole, records[5], "", 1), audit.Deleted},
		"records swapped":   {strings.Join([]string{records[0], records[2], records[1]}, "") + strings.Join(records[3:], ""), audit.Reordered},
		"the manifest away": {strings.Join(records[:13], ""), audit.TailCut},
		"half of it":        {whole[:len(whole)/2], audit.TailCut},
		"one behind it":     {whole + records[3], audit.Inserted},
		"another's":         {newPaper(t, 12).csv(), audit.Rebuilt},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := p.check(c.text)
			require.NoError(t, err)
			require.False(t, f.OK())
			if c.finding != "" {
				require.Equal(t, c.finding, f.Finding, f.Detail)
			}
		})
	}
}

// threat U1: the server signs what it is shown; a row that was changed in its database is found in a table as in JSON lines.
func TestATableOfAnEditedLogIsFound(t *testing.T) {
	p := newPaper(t, 12)
	p.events[4].Decision = "error"
	f, err := p.check(p.csv())
	require.NoError(t, err)
	require.Equal(t, audit.Edited, f.Finding, f.Detail)
	require.EqualValues(t, 5, f.At)

	p = newPaper(t, 12)
	p.events[4].Decision = "error"
	p.events[4].Hash = p.events[4].ComputeHash()
	f, err = p.check(p.csv())
	require.NoError(t, err)
	require.Equal(t, audit.Edited, f.Finding, f.Detail)
	require.EqualValues(t, 5, f.At)
}

// endless answers the same bytes for ever.
type endless struct{ text []byte }

func (e endless) Read(b []byte) (int, error) {
	for n := 0; n < len(b); n += len(e.text) {
		copy(b[n:], e.text)
	}
	return len(b), nil
}

func (endless) Seek(int64, int) (int64, error) { return 0, nil }

func TestHostileExportsAreRefused(t *testing.T) {
	p := newPaper(t, 10)
	for name, text := range map[string]string{
		"nothing": "", "zeros": strings.Repeat("\x00", 4<<20), "a long line": `{"action":"` + strings.Repeat("a", 4<<20), "deep JSON": strings.Repeat(`{"a":`, 100_000) + "\n",
		"deep lists": `{"action":` + strings.Repeat("[", 500_000) + "\n", "another JSON": "{}\n", "a note of no kind": `{"x":"y"}` + "\n", "an endless record": `"` + strings.Repeat("\n", 4<<20),
		"an escape": "\x1b]0;x\x07\n", "a table of others": "a,b,c\n1,2,3\n", "a number": `{"action":` + strings.Repeat("9", 100_000) + "}\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.check(text)
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			require.NotContains(t, err.Error(), "\x1b")
			out, err := p.python(text)
			require.Error(t, err)
			require.NotContains(t, out, "Traceback")
		})
	}
	for _, never := range []string{"{", "\x00", `"`, "\n"} {
		_, err := verify.ExportFrom(t.Context(), endless{[]byte(never)}, p.public())
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q for ever", never)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := verify.ExportFrom(ctx, endless{[]byte("{\"key\":\"\"}\n")}, p.public())
	require.ErrorIs(t, err, context.Canceled)
}

// A file of ten gigabytes of nothing, a folder and a pipe are refused at once.
func TestFilesThatAreNone(t *testing.T) {
	p := newPaper(t, 10)
	sparse := filepath.Join(t.TempDir(), "sparse")
	require.NoError(t, os.WriteFile(sparse, nil, 0o600))
	require.NoError(t, os.Truncate(sparse, 10<<30))
	for _, path := range []string{sparse, t.TempDir(), "/dev/zero", filepath.Join(t.TempDir(), "absent")} {
		_, err := verify.Export(t.Context(), path, p.public())
		require.Equal(t, fault.Invalid, fault.CodeOf(err), path)
	}
}

// FuzzExport: whatever the bytes are, the answer is a finding or a refusal, never a proof of something else.
func FuzzExport(f *testing.F) {
	p := newPaper(f, 8)
	whole, keys := p.jsonl(), p.public()
	f.Add([]byte(whole))
	f.Add([]byte(p.csv()))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := verify.ExportFrom(t.Context(), bytes.NewReader(data), keys)
		if err == nil && out.OK() && string(data) != whole {
			t.Fatalf("%q is taken for proved", data)
		}
	})
}

var _ io.ReadSeeker = endless{}
