package verify_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/proof"
	"guardhouse/internal/verify"
)

// change makes a row the change of keys, and links the rows behind it anew.
func (p *paper) change(row int, fresh, before proof.Signer) {
	ev := &p.events[row-1]
	ev.Action, ev.Resource, ev.Details = "settings.manage", "audit-key:"+fresh.ID(), map[string]any{"change": "rotate", "before": before.ID()}
	p.link(row)
}

func (p *paper) link(row int) {
	for i := row - 1; i < len(p.events); i++ {
		if i > 0 {
			p.events[i].PrevHash = p.events[i-1].Hash
		}
		p.events[i].Hash = p.events[i].ComputeHash()
	}
}

// scene is a log of two keys whose change is a row in the middle; nothing is signed about it yet.
const changed = 20

func newScene(t testing.TB) *paper {
	t.Helper()
	p := newPaper(t, 40)
	p.change(changed, p.signers[1], p.signers[0])
	p.notes, p.before = nil, ""
	p.note(0)
	return p
}

func (p *paper) note(key int) { p.notes = append(p.notes, line("key", p.signing.notes[key])) }

func (p *paper) markBy(signer int, number int64, row int) {
	p.notes = append(p.notes, line("checkpoint", p.checkpoint(signer, number, row)))
}

// by lets another key than the newest sign the manifest.
func (p *paper) by(signer int) *paper {
	p.signers = append(p.signers, p.signers[signer])
	return p
}

// rival is a key that the first one vouches for beside the one that took over.
func (p *paper) rival() {
	p.t.Helper()
	fresh := newSigner(p.t)
	note, err := fresh.SignKey(proof.Key{Install: install, ID: fresh.ID(), Verifier: fresh.Verifier(), At: began, Previous: p.signers[0].ID()}, &p.signers[0])
	require.NoError(p.t, err)
	p.signers, p.signing.notes = append(p.signers, fresh), append(p.signing.notes, string(note))
}

// bury adds a tombstone that a key signed, of a removal whose row is in the file.
func (p *paper) bury(signer, act int) {
	p.t.Helper()
	ev := p.events[act-1]
	text, err := proof.Tombstone{
		Install: install, First: 100, Last: 101, Rows: 2, Previous: ev.Hash, Hash: ev.Hash, From: ev.At, To: ev.At, At: ev.At, Rule: "x", Event: ev.ID,
	}.Text()
	require.NoError(p.t, err)
	note, err := p.signers[signer].Sign(text)
	require.NoError(p.t, err)
	p.notes = append(p.notes, line("tombstone", string(note)))
}

// threat U1: a key signs up to the row by which the next took over, in exports too.
func TestAnExportOfAReplacedKeyIsNamed(t *testing.T) {
	for name, make := range map[string]func(p *paper) *paper{
		"a checkpoint behind one of the next key": func(p *paper) *paper {
			p.note(1)
			p.markBy(0, 1, 5)
			p.markBy(1, 2, 30)
			p.markBy(0, 3, 35)
			return p.by(1)
		},
		"a checkpoint behind the row of the change": func(p *paper) *paper {
			p.note(1)
			p.markBy(0, 1, changed)
			return p.by(1)
		},
		"without the next key's note": func(p *paper) *paper {
			p.markBy(0, 1, 5)
			return p.by(0)
		},
		"the manifest": func(p *paper) *paper {
			p.note(1)
			return p.by(0)
		},
		"the manifest, and no row of the change": func(p *paper) *paper {
			p.events[changed-1].Resource = "x"
			p.link(changed)
			p.note(1)
			return p.by(0)
		},
		"a rival of the next key": func(p *paper) *paper {
			p.rival()
			p.note(2)
			return p.by(2)
		},
		"a rival beside it": func(p *paper) *paper {
			p.rival()
			p.note(1)
			p.note(2)
			return p.by(2)
		},
		"a tombstone": func(p *paper) *paper {
			p.note(1)
			p.bury(0, changed+1)
			return p.by(1)
		},
		"a checkpoint that does not follow": func(p *paper) *paper {
			p.note(1)
			p.markBy(0, 1, 5)
			p.before = "another"
			p.markBy(0, 2, 10)
			return p.by(1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := make(newScene(t))
			f, err := p.check(p.jsonl())
			require.NoError(t, err)
			require.Equal(t, audit.Rebuilt, f.Finding, f.Detail)
			out, err := p.python(p.jsonl())
			require.Error(t, err)
			require.Contains(t, out, "rebuilt")
		})
	}
	t.Run("a table", func(t *testing.T) {
		p := newScene(t)
		f, err := p.by(1).check(p.csv())
		require.NoError(t, err)
		require.True(t, f.OK(), f.Detail)
		f, err = p.by(0).check(p.csv())
		require.NoError(t, err)
		require.Equal(t, audit.Rebuilt, f.Finding, f.Detail)
	})
	t.Run("a checkpoint that is missing", func(t *testing.T) {
		p := newScene(t)
		p.markBy(0, 1, 5)
		p.markBy(0, 3, 10)
		p.note(1)
		f, err := p.by(1).check(p.jsonl())
		require.NoError(t, err)
		require.Equal(t, audit.Deleted, f.Finding, f.Detail)
		_, err = p.python(p.jsonl())
		require.Error(t, err)
	})
}

// What is signed at the right time is right: up to the change by the one, from it on by the other, also where the row of the change is
// not in the file, where a key was lost, and in an old export under a key that has been replaced since.
func TestAChangeOfKeysIsNoFinding(t *testing.T) {
	for name, make := range map[string]func(p *paper) *paper{
		"both": func(p *paper) *paper {
			p.note(1)
			p.markBy(0, 1, changed-1)
			p.markBy(1, 2, changed)
			p.markBy(1, 3, 35)
			p.bury(0, changed-1)
			p.bury(1, changed-1)
			return p.by(1)
		},
		"an export that the change overtook": func(p *paper) *paper {
			p.events = p.events[:changed-1]
			p.note(1)
			p.markBy(0, 1, changed-1)
			return p.by(1)
		},
		"an old one": func(p *paper) *paper {
			p.events = p.events[:changed-1]
			p.markBy(0, 1, 10)
			return p.by(0)
		},
		"some of the rows": func(p *paper) *paper {
			p.note(1)
			p.markBy(0, 1, 10)
			p.markBy(1, 2, 30)
			p.events, p.filtered = append(p.events[:3:3], p.events[33:]...), true
			return p.by(1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := make(newScene(t))
			f, err := p.check(p.jsonl())
			require.NoError(t, err)
			require.True(t, f.OK(), f.Detail)
			out, err := p.python(p.jsonl())
			require.NoError(t, err, out)
		})
	}
	t.Run("a lost key", func(t *testing.T) {
		p := newScene(t)
		fresh := newSigner(t)
		note, err := fresh.SignKey(proof.Key{Install: install, ID: fresh.ID(), Verifier: fresh.Verifier(), At: began}, nil)
		require.NoError(t, err)
		p.signers, p.signing.notes = append(p.signers, fresh), append(p.signing.notes, string(note))
		p.events[29].Action, p.events[29].Resource = "settings.manage", "audit-key:"+fresh.ID()
		p.events[29].Details = map[string]any{"change": "lost", "before": p.signers[1].ID()}
		p.link(30)
		p.note(1)
		p.note(2)
		p.markBy(0, 1, 10)
		p.markBy(1, 2, 25)
		p.markBy(2, 3, 30)
		both := p.signers[0].Verifier() + "\n" + fresh.Verifier() + "\n"
		right, wrong := p.by(2).jsonl(), p.by(1).jsonl()
		for text, finding := range map[string]string{right: "", wrong: audit.Rebuilt} {
			keys, err := proof.ParseKeys([]byte(both))
			require.NoError(t, err)
			f, err := verify.ExportFrom(t.Context(), strings.NewReader(text), keys)
			require.NoError(t, err)
			require.Equal(t, finding, f.Finding, f.Detail)
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "e"), []byte(text), 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "k"), []byte(both), 0o600))
			out, err := exec.CommandContext(t.Context(), "python3", "../../docs/verify.py", filepath.Join(dir, "e"), filepath.Join(dir, "k")).CombinedOutput()
			require.Equal(t, finding == "", err == nil, string(out))
		}
	})
}
