package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"guardhouse/internal/proof"
	"guardhouse/internal/verify"
)

// verifyPack checks an evidence pack and nothing else: no database, no settings, no server.
func (sh *shared) verifyPack(ctx context.Context, p proofs, keys proof.Keys) error {
	if p.export != "" || p.anchor != "" {
		return usageError{errors.New("--evidence stands alone, with --public-key at most")}
	}
	pack, err := verify.Pack(ctx, p.evidence, keys)
	if err != nil {
		return err
	}
	if err := errors.Join(sh.printPack(pack, p.trustOwn), finding(pack.Report)); err != nil || pack.TrustedBy == verify.Given || p.trustOwn {
		return err
	}
	return usageError{errors.New("nobody outside vouches for this pack: it is whole by its own keys alone, and anybody can make such a one. " +
		"Give --public-key FILE with keys that you have from elsewhere")}
}

// believed says on whose word a key is one.
func believed(by string) string {
	if by == verify.Given {
		return "one of --public-key, or one that it vouches for"
	}
	return "believed on the pack's own word: give --public-key to be sure"
}

func (sh *shared) printPack(p verify.Packed, trustOwn bool) error {
	e := p.Evidence
	report := verify.Report{Report: p.Report, Checkpoints: p.Checkpoints, TrustedBy: p.TrustedBy, Tombstones: p.Tombstones}
	report.Pruned = p.Removed
	if sh.json {
		body := reportJSON(report)
		body["evidence"] = nil
		if p.OK() && p.TrustedBy == verify.Own && !trustOwn {
			body["ok"] = nil // nobody can say
		}
		if p.Key != "" {
			body["evidence"] = map[string]any{
				"install": e.Install, "key": p.Key, "version": e.Version, "at": e.At, "by": e.By, "from": timeOrNull(e.From), "to": timeOrNull(e.To),
				"files": len(e.Files), "bytes_before_note": e.Bytes, "sha256_before_note": e.SHA256,
			}
		}
		return sh.printJSON(body)
	}
	if p.Key == "" {
		return nil // nothing that it says is believed
	}
	_, err := fmt.Fprintf(sh.out, "pack         %d members, made %s by %s with guardhouse %s\nperiod       %s to %s\nsigned by    guardhouse/%s/%s: %s\n",
		len(e.Files), when(&e.At), escaped(e.By), escaped(e.Version), bound(e.From, "the beginning"), bound(e.To, "the pack's own row"), e.Install, p.Key, believed(p.TrustedBy))
	if p.Rows == 0 {
		_, none := fmt.Fprintln(sh.out, "no rows      no row of the period is in the pack")
		err = errors.Join(err, none)
	}
	return errors.Join(err, printReport(sh, report))
}

// escaped answers text of a file with what a terminal would obey, hide or turn around written out.
func escaped(s string) string {
	var b strings.Builder
	for _, r := range s {
		if quoted := strconv.QuoteRuneToASCII(r); !unicode.IsPrint(r) {
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func bound(at time.Time, none string) string {
	if at.IsZero() {
		return none
	}
	return when(&at)
}

func timeOrNull(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at
}
