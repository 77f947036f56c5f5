package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"guardhouse/internal/access"
	"guardhouse/internal/app"
	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
	"guardhouse/internal/prompt"
)

// maxLine bounds one line of --jsonl and the whole of standard input: the body limit of the API.
const maxLine = 1 << 20

type moderateFlags struct {
	model, response, policy, as, jsonl string
}

func newModerate(sh *shared) *cobra.Command {
	var f moderateFlags
	cmd := &cobra.Command{
		Use: "moderate TEXT|-", Short: "Judge a text without a server; audited like any other use", Args: cobra.MaximumNArgs(1),
		Example: "  guardhouse moderate \"how do I bake bread?\"\n  guardhouse moderate --jsonl texts.jsonl > verdicts.jsonl",
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (f.jsonl != "") {
				return usageError{errors.New("give one TEXT (or - for standard input), or --jsonl FILE")}
			}
			return sh.with(cmd.Context(), func(a *app.App) error { return moderate(cmd.Context(), sh, a, f, args) })
		},
	}
	cmd.Flags().StringVar(&f.model, "model", "", "model id (default: the default guard)")
	cmd.Flags().StringVar(&f.response, "response", "", "an answer to TEXT: the answer is judged")
	cmd.Flags().StringVar(&f.policy, "policy", "", "strict or loose (default: the setting)")
	cmd.Flags().StringVar(&f.jsonl, "jsonl", "", "a file of {\"id\"?,\"input\"} lines, - for standard input")
	cmd.Flags().StringVar(&f.as, "as", "", "apply this person's rules instead of the system's")
	return cmd
}

func moderate(ctx context.Context, sh *shared, a *app.App, f moderateFlags, args []string) error {
	who := osPrincipal()
	if f.as != "" {
		u, err := a.Auth.UserByName(ctx, f.as)
		if err != nil {
			return err
		}
		if u.Status != "active" {
			return fault.New(fault.Forbidden, "this account is not active")
		}
		who = access.Principal{Kind: access.KindUser, UserID: u.ID, Name: u.Username, Role: u.Role, Origin: who.Origin}
	}
	if err := a.LoadModel(ctx, f.model); err != nil {
		return err
	}
	if f.jsonl != "" {
		return moderateLines(ctx, sh, a, who, f)
	}
	text := args[0]
	if text == "-" {
		data, err := io.ReadAll(io.LimitReader(sh.in, maxLine+1))
		if err != nil {
			return fmt.Errorf("reading standard input: %w", err)
		}
		if len(data) > maxLine {
			return fault.Newf(fault.TooLarge, "the text is longer than %d bytes", maxLine)
		}
		text = string(data)
	}
	input := moderation.Input{Messages: []prompt.Message{{Role: "user", Content: text}}}
	if f.response != "" {
		input.Messages = append(input.Messages, prompt.Message{Role: "assistant", Content: f.response})
	}
	verdicts, err := a.Moderation.Evaluate(ctx, who, moderation.Request{Model: f.model, Mode: f.policy, Inputs: []moderation.Input{input}})
	if err != nil {
		return err
	}
	return sh.printJSON(verdicts[0])
}

// moderateLines answers one line per line, in order. A bad line answers {"ref","error"} and the run goes on; the command then exits 1.
func moderateLines(ctx context.Context, sh *shared, a *app.App, who access.Principal, f moderateFlags) error {
	in, closeIn, err := openLines(sh, f.jsonl)
	if err != nil {
		return err
	}
	defer closeIn()
	out := bufio.NewWriter(sh.out)
	lines, bad := bufio.NewScanner(in), 0
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		answer, failed := moderateLine(ctx, a, who, f, lines.Bytes())
		if failed {
			bad++
		}
		if err := errors.Join(json.NewEncoder(out).Encode(answer), out.Flush()); err != nil {
			return fmt.Errorf("writing the verdicts: %w", err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading the lines (each at most %d bytes): %w", maxLine, err)
	}
	if bad > 0 {
		return fmt.Errorf("%d lines were not judged: their errors stand in the output", bad)
	}
	return nil
}

func moderateLine(ctx context.Context, a *app.App, who access.Principal, f moderateFlags, line []byte) (answer map[string]any, failed bool) {
	ref, input, err := app.ParseLine(line)
	var verdicts []moderation.Verdict
	if err == nil {
		verdicts, err = a.Moderation.Evaluate(ctx, who, moderation.Request{Model: f.model, Mode: f.policy, Inputs: []moderation.Input{input}})
	}
	if err != nil {
		e := fault.From(err)
		return map[string]any{"ref": ref, "error": map[string]any{"code": e.Code, "message": e.Message}}, true
	}
	answer, err = withRef(verdicts[0], ref)
	if err != nil {
		return map[string]any{"ref": ref, "error": map[string]any{"code": fault.Internal, "message": "the verdict could not be written"}}, true
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
