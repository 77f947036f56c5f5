package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"guardhouse/internal/app"
	"guardhouse/internal/policy"
	"guardhouse/internal/rule"
)

func newACL(sh *shared) *cobra.Command {
	cmd := &cobra.Command{Use: "acl", Short: "Rules: who may do what with which model", Args: cobra.NoArgs, Example: "  guardhouse acl list", RunE: needSubcommand}
	cmd.AddCommand(newACLList(sh), newACLGet(sh), newACLPut(sh), newACLDelete(sh), newACLExport(sh), newACLImport(sh), newACLCheck(sh), newACLVersions(sh), newACLUndo(sh),
		newACLExplain(sh), newACLCan(sh), newACLRehearse(sh), newACLHygiene(sh))
	return cmd
}

func newACLList(sh *shared) *cobra.Command {
	var f policy.Filter
	cmd := &cobra.Command{
		Use: "list", Short: "List the rules", Args: cobra.NoArgs, Example: "  guardhouse acl list --model guard-nano",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				var rules []rule.Rule
				f.Limit = 500
				for {
					page, err := a.Policy.List(cmd.Context(), osPrincipal(), f)
					if err != nil {
						return err
					}
					rules = append(rules, page.Rules...)
					if f.After = page.Next; f.After == "" {
						return sh.printRules(rules, page.State)
					}
				}
			})
		},
	}
	cmd.Flags().StringVar(&f.Model, "model", "", "only rules that concern this model")
	cmd.Flags().StringVar(&f.Principal, "principal", "", "only rules that name it: role:NAME, user:NAME, group:NAME, key:ID or *")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func (sh *shared) printRules(rules []rule.Rule, st policy.State) error {
	if sh.json {
		items := make([]json.RawMessage, len(rules))
		for i := range rules {
			var err error
			if items[i], err = policy.JSON(rules[i]); err != nil {
				return err
			}
		}
		return sh.printJSON(map[string]any{"items": items, "version": st.Version, "from_file": st.FromFile, "default": effect(st.DefaultAllow)})
	}
	w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tEFFECT\tWHO\tMODELS\tOPERATIONS\tCONDITIONS\tMODE")
	for i := range rules {
		r := &rules[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, effect(r.Allow), printable(words(r.Principals)), strings.Join(r.Models, " "),
			words(r.Operations), printable(orDash(askedBy(r))), mode(r))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if st.FromFile {
		fmt.Fprintln(sh.err, "The rules come from acl.file and are changed there.")
	}
	return nil
}

// words joins what has a spelling.
func words[T any](list []T) string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = fmt.Sprint(x)
	}
	return strings.Join(out, " ")
}

// askedBy answers a rule's conditions in few words.
func askedBy(r *rule.Rule) string {
	c := &r.Conditions
	var out []string
	if len(c.IPRanges) > 0 {
		out = append(out, "from "+words(c.IPRanges))
	}
	if c.Rate != nil {
		out = append(out, "at most "+c.Rate.String())
	}
	if !c.From.IsZero() {
		out = append(out, "after "+c.From.Format("2006-01-02 15:04Z07:00"))
	}
	if !c.Until.IsZero() {
		out = append(out, "until "+c.Until.Format("2006-01-02 15:04Z07:00"))
	}
	if c.Hours != nil {
		out = append(out, c.Hours.String())
	}
	if c.Purpose {
		out = append(out, "with a purpose")
	}
	return strings.Join(out, ", ")
}

func effect(allow bool) string {
	if allow {
		return "allow"
	}
	return "deny"
}

func mode(r *rule.Rule) string {
	if r.ReportOnly {
		return "report-only"
	}
	return "enforce"
}

func newACLGet(sh *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "get RULE", Short: "Print one rule, as a file that acl put takes", Args: cobra.ExactArgs(1), Example: "  guardhouse acl get ward-nurses",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				r, _, err := a.Policy.Rule(cmd.Context(), osPrincipal(), args[0])
				if err != nil {
					return err
				}
				if sh.json {
					text, err := policy.JSON(r)
					if err != nil {
						return err
					}
					return sh.printJSON(text)
				}
				text, err := rule.File{Rules: []rule.Rule{r}}.YAML()
				if err != nil {
					return err
				}
				_, err = sh.out.Write(text)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}

func newACLDelete(sh *shared) *cobra.Command {
	var w policy.Write
	cmd := &cobra.Command{
		Use: "delete RULE...", Short: "Delete rules; in force within a second", Args: cobra.MinimumNArgs(1), Example: "  guardhouse acl delete ward-nurses",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.within(cmd.Context(), func(a *app.App) error {
				for _, id := range args {
					if err := a.Policy.Delete(cmd.Context(), osPrincipal(), id, w); err != nil {
						return err
					}
					if sh.json {
						if err := sh.printJSON(map[string]any{"id": id, "deleted": true}); err != nil {
							return err
						}
						continue
					}
					fmt.Fprintf(sh.out, "deleted rule %s\n", printable(id))
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&w.Note, "note", "", "why, for the history")
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON")
	return cmd
}
