package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/catalog"
)

func newModel(sh *shared) *cobra.Command {
	cmd := &cobra.Command{Use: "model", Short: "Models", Args: cobra.NoArgs, Example: "  guardhouse model list", RunE: needSubcommand}
	cmd.AddCommand(newModelList(sh), newModelImport(sh), newModelLoad(sh), newModelUnload(sh), newModelDefault(sh), newModelVerify(sh), newModelRemove(sh), newModelCanary(sh))
	return cmd
}

func newModelImport(sh *shared) *cobra.Command {
	var r catalog.ImportRequest
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Check a GGUF file and take it into the data folder", Args: cobra.ExactArgs(1),
		Long: "Check a GGUF file, load it once in a child that can do no harm, and take it into the data folder.\n" +
			"Of a model in several files (NAME-00001-of-00003.gguf) give the first: they are joined.\n" +
			"It works beside a running server, and shows on a terminal how far it is. Exit 1 and one line with the reason for a file that is refused.",
		Example: "  guardhouse model import qwen3guard-gen-4b-q8_0.gguf --id qwen3guard-gen-4b --kind guard --allow role:reviewer",
		RunE: func(cmd *cobra.Command, args []string) error {
			if r.MMProj != "" {
				return usageError{errors.New("--mmproj is not available in this release")}
			}
			if r.Kind != "" && r.Kind != catalog.KindGuard && r.Kind != catalog.KindChat {
				return usageError{errors.New("--kind is guard or chat; vision and image are not available in this release")}
			}
			r.Path = args[0]
			if sh.watched {
				r.Told = sh.steps()
			}
			return sh.with(cmd.Context(), func(a *app.App) error {
				m, err := a.Catalog.Import(cmd.Context(), osPrincipal(), r)
				if err != nil {
					slog.DebugContext(cmd.Context(), "a model was refused", "err", err)
					return err
				}
				return printImported(sh, m, r, openToNobody(a.Guard, m.ID))
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.ID, "id", "", "name in the product (default: the file's name)")
	f.StringVar(&r.Kind, "kind", "", "guard or chat: refuse the file if it is another (default: what its chat template says); vision and image are not available in this release")
	f.StringArrayVar(&r.Allow, "allow", nil, "open it at once to role:R, user:U or * (repeat)")
	f.StringVar(&r.MMProj, "mmproj", "", "projector file of a vision model; not available in this release")
	f.StringVar(&r.Template, "template", "", "file with the chat template to use instead of the model's own")
	f.BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// printImported says what was taken in and, while nobody may use it, the one command that opens it.
func printImported(sh *shared, m catalog.Model, r catalog.ImportRequest, closed bool) error {
	if sh.json {
		return sh.printJSON(modelJSON(m))
	}
	_, err := fmt.Fprintf(sh.out, "id            %s\nkind          %s\narchitecture  %s\nquantisation  %s\nsha256        %s\ntemplate      %s\n",
		m.ID, m.Kind, m.Architecture, m.Quantization, m.SHA256, m.TemplateSHA256)
	if err == nil && closed {
		_, err = fmt.Fprintf(sh.out, "Nobody may use it yet. This opens it to reviewers:\n    %s\n", sh.opening(m, r))
	}
	return err
}

func modelJSON(m catalog.Model) map[string]any {
	return map[string]any{
		"id": m.ID, "kind": m.Kind, "origin": m.Origin, "architecture": m.Architecture, "quantization": m.Quantization,
		"sha256": m.SHA256, "template_sha256": m.TemplateSHA256, "size_bytes": m.SizeBytes,
		"context_length": m.ContextLength, "default": m.Default, "created_at": m.CreatedAt,
	}
}
