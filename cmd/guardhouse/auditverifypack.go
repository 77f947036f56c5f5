package main

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	if err := sh.printPack(pack); err != nil || pack.OK() {
		return err
	}
	return fmt.Errorf("%s%s: %s", pack.Finding, pack.Place(), pack.Detail)
}

// believed says on whose word a key is one.
func believed(by string) string {
	if by == verify.Given {
		return "one of --public-key, or one that it vouches for"
	}
	return "believed on the pack's own word: give --public-key to be sure"
}

func (sh *shared) printPack(p verify.Packed) error {
	e := p.Evidence
	report := verify.Report{Report: p.Report, Checkpoints: p.Checkpoints, TrustedBy: p.TrustedBy}
	if sh.json {
		body := reportJSON(report)
		body["evidence"] = nil
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
		len(e.Files), when(&e.At), e.By, e.Version, bound(e.From, "the beginning"), bound(e.To, "the pack's own row"), e.Install, p.Key, believed(p.TrustedBy))
	err = errors.Join(err, printReport(sh, report))
	if p.Tombstones > 0 {
		_, missing := fmt.Fprintf(sh.out, "tombstones   %d\n", p.Tombstones)
		err = errors.Join(err, missing)
	}
	return err
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
