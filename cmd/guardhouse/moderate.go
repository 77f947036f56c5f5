package main

import (
	"context"
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
	model, response, policy, as, jsonl, reproduce string
	reference                                     bool
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
			if f.jsonl != "" && f.response != "" {
				return usageError{errors.New("--response goes with a TEXT: in a file, write the answer as a message with role assistant")}
			}
			if f.reproduce != "" && (f.jsonl != "" || f.model != "" || f.policy != "" || f.reference) {
				return usageError{errors.New("--reproduce goes with a TEXT, --response and --as alone: model and policy are the verdict's own")}
			}
			return sh.with(cmd.Context(), func(a *app.App) error { return moderate(cmd.Context(), sh, a, f, args) })
		},
	}
	cmd.Flags().StringVar(&f.model, "model", "", "model id (default: the default guard)")
	cmd.Flags().StringVar(&f.response, "response", "", "an answer to TEXT: the answer is judged")
	cmd.Flags().StringVar(&f.policy, "policy", "", "strict or loose (default: the setting)")
	cmd.Flags().StringVar(&f.jsonl, "jsonl", "", "a file of {\"id\"?,\"input\"} lines, - for standard input")
	cmd.Flags().BoolVar(&f.reference, "reference", false, "also decode without anything forced and say whether both agree (slow)")
	cmd.Flags().StringVar(&f.reproduce, "reproduce", "", "judge TEXT again as the verdict with this id was judged, and say what differs (exit 1)")
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
		// The row is under the person's name because his rules decided; that a shell asked stands beside it.
		who.Origin.UserAgent = who.Name
		who = access.Principal{Kind: access.KindUser, UserID: u.ID, Name: u.Username, Role: u.Role, Origin: who.Origin}
	}
	model := f.model
	if f.reproduce != "" {
		row, err := a.Moderation.Get(ctx, who, f.reproduce)
		if err == nil {
			model = row.Model.ID
		} else if fault.CodeOf(err) != fault.NotFound { // which the gate refuses too, and leaves the row
			return err
		}
	}
	// An unknown model is the gate's to refuse: the attempt owes its row.
	if err := a.LoadModel(ctx, model); err != nil && fault.CodeOf(err) != fault.NotFound {
		return err
	}
	if f.jsonl != "" {
		defer a.Follow(ctx)() // a long list is judged by what is set meanwhile
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
	if f.reproduce != "" {
		return reproduce(ctx, sh, a, who, f.reproduce, input)
	}
	verdicts, err := a.Moderation.Evaluate(ctx, who, moderation.Request{Model: f.model, Mode: f.policy, Inputs: []moderation.Input{input}, Reference: f.reference})
	if err != nil {
		return err
	}
	return sh.printJSON(verdicts[0])
}

// reproduce prints what came of judging a verdict's text again. What is not equal ends with an error, so that a script need not read.
func reproduce(ctx context.Context, sh *shared, a *app.App, who access.Principal, id string, input moderation.Input) error {
	out, err := a.Moderation.Reproduce(ctx, who, id, input, 0)
	if err != nil {
		return err
	}
	if err := sh.printJSON(out); err != nil {
		return err
	}
	if out.Equal {
		return nil
	}
	return errors.New("the verdict was not reproduced: differences says why")
}
