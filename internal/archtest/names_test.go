package archtest

import (
	"go/ast"
	"path"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

const (
	accessPath = module + "internal/access"
	mostLines  = 400
)

// Only Enter makes a valid Pass. A literal elsewhere would be a zero one, which the scheduler refuses;
// that nobody even writes one keeps the refusal from being the only wall.
func TestNobodyElseMakesAPass(t *testing.T) {
	for _, s := range sources(t) {
		if s.pkg == "internal/access" {
			continue
		}
		local := s.localName(accessPath)
		if local == "" {
			continue
		}
		// The scheduler's own test hands it a zero pass to see it refused.
		excused := s.test && s.pkg == "internal/inference"
		isPass := func(e ast.Expr) bool {
			sel, ok := e.(*ast.SelectorExpr)
			if !ok {
				return false
			}
			x, ok := sel.X.(*ast.Ident)
			return ok && x.Name == local && sel.Sel.Name == "Pass"
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				assert.True(t, excused || !isPass(n.Type), "%s writes an access.Pass literal", s.name)
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "new" && len(n.Args) == 1 {
					assert.True(t, excused || !isPass(n.Args[0]), "%s makes an access.Pass with new", s.name)
				}
			}
			return true
		})
	}
}

// Infer is the operation that the scheduler holds the Pass against.
func TestInferenceTakesOnlyThePassFromAccess(t *testing.T) {
	seen := false
	for _, s := range sources(t) {
		if !within(s.pkg, "internal/inference") || s.test {
			continue
		}
		for name := range s.selected(accessPath) {
			seen = true
			assert.Contains(t, []string{"Pass", "Infer"}, name, "%s takes access.%s", s.name, name)
		}
	}
	assert.True(t, seen, "inference takes no Pass at all")
}

// httpapi sees the scheduler for its status; a lease is the domain's.
func TestHTTPNeverRunsAModel(t *testing.T) {
	for _, s := range sources(t) {
		if !within(s.pkg, "internal/httpapi") || s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
					assert.NotContains(t, []string{"Acquire", "Judge", "Enter", "EnterAs"}, sel.Sel.Name, "%s calls %s", s.name, sel.Sel.Name)
				}
			}
			return true
		})
	}
}

func TestNamesThatOnePackageMaySpeak(t *testing.T) {
	tree := sources(t)
	for _, rule := range []struct {
		importPath string
		names      []string
		in         []string
		tests      bool
	}{
		{"os", []string{"Getenv", "LookupEnv", "ExpandEnv"}, []string{"internal/config"}, true},
		// The engine empties the environment of what native code would obey (threat M6).
		{"os", []string{"Environ"}, []string{"internal/config", engine}, true},
		{"log/slog", []string{"NewJSONHandler", "NewTextHandler", "SetDefault"}, []string{"cmd/guardhouse"}, true},
		{"os", []string{"Exit"}, []string{"cmd/guardhouse"}, true},
		{"time", []string{"Sleep"}, nil, false},
		{"crypto/md5", []string{"New", "Sum"}, nil, false},
		{"crypto/sha1", []string{"New", "Sum"}, nil, false},
		{"math/rand", []string{"New", "Int", "Intn", "Read"}, nil, false},
	} {
		for _, s := range tree {
			spoken := slices.ContainsFunc(rule.in, func(dir string) bool { return within(s.pkg, dir) })
			if spoken || within(s.pkg, "scripts") || (s.test && rule.tests) {
				continue
			}
			used := s.selected(rule.importPath)
			for _, name := range rule.names {
				assert.False(t, used[name], "%s uses %s.%s", s.name, rule.importPath, name)
			}
		}
	}
}

func TestFilesStaySmall(t *testing.T) {
	for _, s := range sources(t) {
		if !s.generated {
			assert.LessOrEqual(t, s.lines, mostLines, "%s: split it", s.name)
		}
	}
}

func TestPackagesAreNamedAfterTheirDomain(t *testing.T) {
	for pkg := range table {
		assert.NotContains(t, []string{"utils", "util", "common", "helpers", "helper", "types", "misc", "base", "shared"}, path.Base(pkg))
	}
}
