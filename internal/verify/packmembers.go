package verify

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

// longestNote is more than any note of those that stand in a pack by the thousand.
const longestNote = 64 << 10

// names are the members that packs have, in their order; only tombstones may be missing.
func names() []string {
	return []string{
		"README.md", "verify.py", "config.json", "people.json", "policy.jsonl", "models.json", "sbom.json", rowsMember, keysMember, checkpointsMember,
		tombstonesMember,
	}
}

// listed holds the names of the members to the closed list.
func (p *unpacker) listed() error {
	var got []string
	for _, m := range p.a.Members() {
		if got = append(got, m.Name); !slices.Contains(names(), m.Name) {
			return p.last(audit.Inserted, "member %d is none that packs have", len(got))
		}
	}
	want := names()
	if n := len(want) - 1; !slices.Contains(got, want[n]) {
		want = want[:n]
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			return p.last(audit.Deleted, "there is no %s", name)
		}
	}
	if !slices.Equal(got, want) {
		return p.last(audit.Edited, "its members are not in their order")
	}
	return nil
}

// members unpacks each member and holds it against what the note says of it.
func (p *unpacker) members() error {
	files, all := p.out.Evidence.Files, p.a.Members()
	if len(files) != len(all) {
		return p.last(audit.Edited, "it has %d members, and its note speaks of %d", len(all), len(files))
	}
	for i, f := range files {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		if f.Name != all[i].Name || f.Size != all[i].Size {
			return p.last(audit.Edited, "member %d is not the one that its note speaks of", i+1)
		}
		c, _ := p.a.Content(f.Name)
		sum := sha256.New()
		if _, err := io.Copy(sum, canceling{p, c}); err != nil {
			if p.ctx.Err() != nil {
				return err
			}
			return p.last(audit.Edited, "%s: %s", f.Name, fault.From(err).Message)
		}
		if hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
			return p.last(audit.Edited, "%s is not what was signed", f.Name)
		}
	}
	return nil
}

// canceling ends a long read with the context.
type canceling struct {
	p *unpacker
	r io.Reader
}

// Read is part of io.Reader.
func (c canceling) Read(b []byte) (int, error) {
	if err := c.p.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}

// notes hands over the notes of a member one after the other, and nothing where there is no such member. What is longer than a note ends it.
func (p *unpacker) notes(member string, each func(n int, note []byte) error) error {
	c, ok := p.a.Content(member)
	if !ok {
		return nil
	}
	n, r, note := 0, bufio.NewReaderSize(canceling{p, c}, longestNote), []byte(nil)
	for {
		line, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) || len(note)+len(line) > longestNote {
			return errors.Join(p.last(audit.Edited, "%s holds what is no note", member), p.ctx.Err())
		}
		if done := len(line) == 0; len(note) > 0 && (done || proof.KindOf(line) != "") {
			n++
			if err := each(n, note); err != nil || p.stop {
				return err
			}
			note = note[:0]
		}
		if len(line) == 0 {
			return nil
		}
		note = append(note, line...)
	}
}

// rangeOf answers the one filter of the export in a pack: its period, and nothing else.
func rangeOf(e proof.Evidence) string {
	var parts []string
	for _, bound := range []struct {
		name string
		at   time.Time
	}{{"from", e.From}, {"to", e.To}} {
		if !bound.at.IsZero() {
			parts = append(parts, `"`+bound.name+`":"`+bound.at.UTC().Format(time.RFC3339Nano)+`"`)
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}
