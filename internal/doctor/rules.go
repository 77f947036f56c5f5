package doctor

import (
	"context"

	"guardhouse/internal/fault"
)

// rules looks at acl.file, where the rules come from one.
func (d *doctor) rules(context.Context) {
	const name = "rules file"
	if d.o.RulesFile == "" || d.o.Rules == nil {
		return
	}
	if err := d.o.Rules(); err != nil {
		problem := fault.From(err).Message
		d.fail(name, d.o.RulesFile+": "+problem, "put it right; until then the rules of the last good file stay in force").
			as("rules_file_bad", "path", d.o.RulesFile, "problem", problem).run("guardhouse acl check " + shell(d.o.RulesFile))
		return
	}
	d.ok(name, d.o.RulesFile+" can be read").as("rules_file", "path", d.o.RulesFile)
}
