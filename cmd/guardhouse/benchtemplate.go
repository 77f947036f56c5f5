package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"guardhouse/internal/bench"
	"guardhouse/internal/gguf"
	"guardhouse/internal/prompt"
	"guardhouse/models"
)

// templateFlags say into which prompt bench puts a text for a server that takes prompts.
type templateFlags struct{ prefix, suffix, from string }

func (t *templateFlags) register(cmd *cobra.Command) {
	s := cmd.Flags()
	s.StringVar(&t.prefix, "template-prefix", "", "file with what stands before a text in the prompt (completions, ollama)")
	s.StringVar(&t.suffix, "template-suffix", "", "file with what stands after it")
	s.StringVar(&t.from, "template-from", "", "GGUF file whose chat template makes the prompt (default: the embedded guard's)")
}

// prompt answers the fixed parts of the prompt that the flags name; an API that takes no prompt has none.
func (t *templateFlags) prompt(api bench.API) (bench.Prompt, error) {
	files := t.prefix != "" || t.suffix != ""
	switch {
	case api != bench.Completions && api != bench.Ollama:
		if files || t.from != "" {
			return bench.Prompt{}, usageError{fmt.Errorf("--api %s takes texts, not prompts: leave the template out", api)}
		}
		return bench.Prompt{}, nil
	case files && t.from != "":
		return bench.Prompt{}, usageError{errors.New("a prompt comes from --template-from or from --template-prefix and --template-suffix")}
	case files:
		return t.fromFiles()
	case t.from != "":
		return t.fromModel()
	}
	return cut(bytes.NewReader(models.GuardNano), int64(len(models.GuardNano)))
}

func (t *templateFlags) fromFiles() (p bench.Prompt, err error) {
	if t.prefix == "" || t.suffix == "" {
		return p, usageError{errors.New("--template-prefix and --template-suffix go together")}
	}
	for _, part := range []struct {
		name string
		to   *string
	}{{t.prefix, &p.Prefix}, {t.suffix, &p.Suffix}} {
		data, err := os.ReadFile(part.name)
		if err != nil {
			return p, usageError{fmt.Errorf("reading the template: %w", err)}
		}
		*part.to = string(data)
	}
	return p, nil
}

func (t *templateFlags) fromModel() (p bench.Prompt, err error) {
	f, err := os.Open(t.from)
	if err != nil {
		return p, usageError{fmt.Errorf("--template-from: %w", err)}
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return p, fmt.Errorf("--template-from: %w", err)
	}
	return cut(f, info.Size())
}

// cut renders one message with a model's own template and parts the prompt around it.
func cut(r io.ReaderAt, size int64) (bench.Prompt, error) {
	const marker = "guardhouse-bench-marker"
	file, err := gguf.Read(r, size)
	if err != nil {
		return bench.Prompt{}, err
	}
	source, _ := file.String("tokenizer.chat_template")
	template, err := prompt.Compile(source)
	if err != nil {
		return bench.Prompt{}, err
	}
	text, err := template.Render([]prompt.Message{{Role: "user", Content: marker}})
	if err != nil {
		return bench.Prompt{}, err
	}
	prefix, suffix, ok := strings.Cut(text, marker)
	if !ok || strings.Contains(suffix, marker) {
		return bench.Prompt{}, errors.New("this model's template does not show a message exactly once")
	}
	return bench.Prompt{Prefix: prefix, Suffix: suffix}, nil
}
