package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/catalog"
)

func newModelList(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List models, and how a running server has them", Args: cobra.NoArgs, Example: "  guardhouse model list --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				models, err := a.Catalog.List(cmd.Context(), osPrincipal())
				if err != nil {
					return err
				}
				states, served, err := a.ModelStates()
				if err != nil {
					return err
				}
				if sh.json {
					return sh.printJSON(map[string]any{"served": served, "items": mapEach(models, func(m catalog.Model) map[string]any {
						return modelStateJSON(m, states)
					})})
				}
				return writeModels(sh.out, models, states, served)
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

// writeModels writes the table, and below it why models are not in use and which are to be the default.
func writeModels(out io.Writer, models []catalog.Model, states map[string]app.ModelState, served bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tKIND\tARCHITECTURE\tQUANTISATION\tSIZE\tDEFAULT\tSTATE\tSHA-256")
	notes := ""
	for _, m := range models {
		st := states[m.ID]
		isDefault := m.Default
		if st.ID != "" {
			isDefault = st.Default
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.1f MB\t%t\t%s\t%s\n", m.ID, m.Kind, m.Architecture, m.Quantization, float64(m.SizeBytes)/1e6, isDefault, stateWord(st), m.SHA256)
		if st.State == catalog.StateFailed {
			notes += fmt.Sprintf("%s: %s\n", m.ID, printable(st.Reason))
		}
		if m.Default && !isDefault {
			notes += m.ID + " is to be the default once it has proved itself.\n"
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if !served {
		notes = "No server runs on this folder: no model is in memory.\n"
	}
	_, err := io.WriteString(out, notes)
	return err
}

// stateWord answers how a server has a model, in a word or two.
func stateWord(st app.ModelState) string {
	const hundred = 100
	switch st.State {
	case "":
		return "-"
	case catalog.StateLoading:
		return fmt.Sprintf("loading, %s %d %%", st.Stage, int(math.Floor(st.Progress*hundred)))
	}
	if st.Code == "" {
		return st.State
	}
	return st.State + ", " + st.Code
}

// modelStateJSON is modelJSON with the state that a server told, null where none did.
func modelStateJSON(m catalog.Model, states map[string]app.ModelState) map[string]any {
	out := modelJSON(m)
	out["state"], out["state_code"], out["state_reason"] = nil, nil, nil
	if st, told := states[m.ID]; told {
		out["state"], out["state_code"], out["state_reason"], out["default"] = st.State, st.Code, st.Reason, st.Default
	}
	return out
}
