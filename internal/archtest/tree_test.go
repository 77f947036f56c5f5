package archtest

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// The tag sets in which the tree is built: with the engine, and without.
const (
	native = "sqlite_fts5"
	fast   = "nollama,sqlite_fts5"
)

// listed is the part of `go list -json` that the rules need.
type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
	Deps                               []string
}

// list answers the tree's packages by their path below the module. Nothing is compiled.
func list(t *testing.T, tags string) map[string]listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-tags", tags,
		"-json=ImportPath,Imports,TestImports,XTestImports,Deps", "./...")
	cmd.Dir = root
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	require.NoError(t, err, complaints.String())
	found := map[string]listed{}
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p listed
		require.NoError(t, dec.Decode(&p))
		found[below(p.ImportPath)] = p
	}
	require.NotEmpty(t, found)
	return found
}

// below cuts the module's own prefix off an import path.
func below(importPath string) string { return strings.TrimPrefix(importPath, module) }

// source is one parsed Go file. Reading each of them here also makes Go's test cache see every change.
type source struct {
	name      string // below the root, with slashes
	pkg       string // its folder
	test      bool
	generated bool
	lines     int
	file      *ast.File
}

// sources parses every Go file of the tree, whatever its build tags say.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != root && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "testdata" || base == "dist") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		all = append(all, source{
			name: rel, pkg: path.Dir(rel), test: strings.HasSuffix(base, "_test.go"), generated: ast.IsGenerated(file),
			lines: bytes.Count(text, []byte("\n")), file: file,
		})
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

// imports answers the import paths of a file.
func (s source) imports() []string {
	var paths []string
	for _, spec := range s.file.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// localName answers the name under which the file knows importPath, "" where it does not import it.
func (s source) localName(importPath string) string {
	for _, spec := range s.file.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err != nil || p != importPath {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(importPath)
	}
	return ""
}

// selected answers the names that the file takes from importPath (access.Pass gives Pass).
func (s source) selected(importPath string) map[string]bool {
	names := map[string]bool{}
	local := s.localName(importPath)
	if local == "" {
		return names
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == local {
				names[sel.Sel.Name] = true
			}
		}
		return true
	})
	return names
}

// within reports whether pkg is dir or lies below it.
func within(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }
