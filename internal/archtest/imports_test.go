package archtest

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryPackageHasARowAndEveryRowAPackage(t *testing.T) {
	found := list(t, native)
	for pkg := range found {
		assert.Contains(t, table, pkg, "a new package needs a row in table_test.go")
	}
	for pkg, r := range table {
		assert.Contains(t, found, pkg, "this row of table_test.go names no package")
		assert.NotEmpty(t, r.reason, pkg)
		for _, imported := range r.imports {
			assert.Contains(t, table, imported, "%s may import a package that the table does not know", pkg)
		}
	}
}

func TestImportsFollowTheTable(t *testing.T) {
	for _, tags := range []string{native, fast} {
		for pkg, p := range list(t, tags) {
			for _, imported := range p.Imports {
				if strings.HasPrefix(imported, module) {
					assert.Contains(t, table[pkg].imports, below(imported), "%s imports %s (tags %s)", pkg, imported, tags)
				}
			}
		}
	}
}

// An import that nobody makes any more is a door left open.
func TestTheTableHasNoUnusedRights(t *testing.T) {
	used := map[string]map[string]bool{}
	for _, tags := range []string{native, fast} {
		for pkg, p := range list(t, tags) {
			if used[pkg] == nil {
				used[pkg] = map[string]bool{}
			}
			for _, imported := range p.Imports {
				used[pkg][below(imported)] = true
			}
		}
	}
	for pkg, r := range table {
		for _, imported := range r.imports {
			assert.True(t, used[pkg][imported], "%s no longer imports %s: take it out of its row", pkg, imported)
		}
	}
}

func TestNothingButCmdReachesTheEngine(t *testing.T) {
	for pkg, p := range list(t, native) {
		if pkg == "cmd/guardhouse" || within(pkg, engine) {
			continue
		}
		for _, dep := range p.Deps {
			assert.False(t, dep == module+engine || within(dep, "github.com/ollama/ollama"), "%s reaches %s", pkg, dep)
		}
	}
	for pkg, p := range list(t, fast) {
		for _, dep := range p.Deps {
			assert.False(t, within(dep, "github.com/ollama/ollama"), "%s reaches %s although -tags nollama was given", pkg, dep)
		}
	}
}

func TestTestsLinkTheEngineOnlyWhereTheTableSaysSo(t *testing.T) {
	for pkg, p := range list(t, native) {
		if !table[pkg].nativeTests {
			assert.NotContains(t, append(p.TestImports, p.XTestImports...), module+engine, pkg)
		}
	}
	for pkg, p := range list(t, fast) {
		if !within(pkg, engine) {
			assert.NotContains(t, append(p.TestImports, p.XTestImports...), module+engine,
				"%s links the engine in a test that -tags nollama does not leave out", pkg)
		}
	}
}

func TestApptestIsForTestsAlone(t *testing.T) {
	for pkg, p := range list(t, native) {
		assert.NotContains(t, p.Imports, module+"internal/apptest", pkg)
		if pkg != "internal/apptest" {
			assert.NotContains(t, p.Imports, module+"internal/inference/fake", pkg)
		}
	}
}

// fenceOf answers the longest fence that covers an import path, "" where there is none.
func fenceOf(importPath string) string {
	longest := ""
	for name := range fences {
		if within(importPath, name) && len(name) > len(longest) {
			longest = name
		}
	}
	return longest
}

func TestModulesOfOthersStayBehindTheirFences(t *testing.T) {
	crossed := map[string]bool{}
	for _, s := range sources(t) {
		for _, imported := range s.imports() {
			name := fenceOf(imported)
			first, _, _ := strings.Cut(imported, "/")
			if name == "" {
				assert.False(t, strings.Contains(first, "."), "%s imports %s, which has no fence in table_test.go", s.name, imported)
				continue
			}
			crossed[name] = true
			f := fences[name]
			fileMayToo := false
			if f.files != "" {
				matched, err := path.Match(f.files, path.Base(s.name))
				require.NoError(t, err)
				fileMayToo = matched
			}
			inside := slices.ContainsFunc(f.in, func(dir string) bool { return within(s.pkg, dir) })
			assert.True(t, inside || fileMayToo || (s.test && f.tests), "%s imports %s: %s", s.name, imported, f.reason)
		}
	}
	for name := range fences {
		assert.True(t, crossed[name], "nothing imports %s any more: take its fence out", name)
	}
}
