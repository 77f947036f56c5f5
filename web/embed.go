// Package web holds the built user interface, embedded into the binary. Its dist folder is made by the
// web build; a fresh clone has only a placeholder there, and the server then says that the UI is not built.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist answers the built files, index.html at the top. index.html is missing when the UI was not built.
func Dist() (fs.FS, error) { return fs.Sub(dist, "dist") }

// Lock names the packages that the user interface is built of, as npm's lock file.
//
//go:embed package-lock.json
var Lock []byte
