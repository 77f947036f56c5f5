package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"guardhouse/internal/access"
	"guardhouse/internal/app"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
)

// openLines opens the named file, or answers standard input for "-".
func openLines(sh *shared, name string) (in io.Reader, closeIn func(), err error) {
	if name == "-" {
		return sh.in, func() {}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the lines: %w", err)
	}
	return f, func() { _ = f.Close() }, nil
}

// moderateLines answers one line per line, in order. A bad line answers {"ref","error"} and the run goes on; the command then exits 1.
func moderateLines(ctx context.Context, sh *shared, a *app.App, who access.Principal, f moderateFlags) error {
	in, closeIn, err := openLines(sh, f.jsonl)
	if err != nil {
		return err
	}
	defer closeIn()
	lines, bad := bufio.NewReaderSize(in, 64<<10), 0
	for {
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && fault.CodeOf(err) != fault.TooLarge {
			return fmt.Errorf("reading the lines: %w", err)
		}
		if err == nil && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		answer, failed := moderateLine(ctx, a, who, f, line, err)
		if failed {
			bad++
		}
		if err := sh.printJSON(answer); err != nil {
			return fmt.Errorf("writing the verdicts: %w", err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d lines were not judged: their errors stand in the output", bad)
	}
	return nil
}

// readLine answers the next line without its end, io.EOF after the last, and TooLarge for a line over the
// limit, whose rest it has passed over.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if !long {
			line = append(line, part...)
		}
		if len(line) > maxLine {
			long, line = true, nil
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (!errors.Is(err, io.EOF) || (len(line) == 0 && !long)):
			return nil, err
		case long:
			return nil, fault.Newf(fault.TooLarge, "the line is longer than %d bytes", maxLine)
		}
		return bytes.TrimSuffix(line, []byte("\n")), nil
	}
}

// moderateLine judges one line. A line that could not be read never enters the gate, and leaves its row all the same.
func moderateLine(ctx context.Context, a *app.App, who access.Principal, f moderateFlags, line []byte, err error) (answer map[string]any, failed bool) {
	var (
		ref      any
		input    moderation.Input
		verdicts []moderation.Verdict
	)
	if err == nil {
		ref, input, err = app.ParseLine(line)
	}
	if err == nil {
		verdicts, err = a.Moderation.Evaluate(ctx, who, moderation.Request{Model: f.model, Mode: f.policy, Inputs: []moderation.Input{input}, Reference: f.reference})
	} else if rejected := a.Guard.Reject(ctx, who, access.Op{Action: access.ModerationRun, Operation: access.Infer}, audit.Error, string(fault.CodeOf(err))); rejected != nil {
		err = rejected
	}
	if err == nil {
		answer, err = withRef(verdicts[0], ref)
	}
	if err != nil {
		e := fault.From(err)
		return map[string]any{"ref": ref, "error": map[string]any{"code": e.Code, "message": e.Message}}, true
	}
	return answer, false
}

// withRef adds the caller's own id to the verdict under the name ref: id is the verdict's.
func withRef(v moderation.Verdict, ref any) (map[string]any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var answer map[string]any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&answer); err != nil {
		return nil, err
	}
	answer["ref"] = ref
	return answer, nil
}
