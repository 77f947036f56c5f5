package httpapi_test

import (
	"io/fs"
	"testing/fstest"
)

// builtUI is a console of few files.
func builtUI() fs.FS {
	return fstest.MapFS{
		"index.html":            {Data: []byte("<!doctype html><title>Guardhouse</title>")},
		"assets/app-1a2b.js":    {Data: []byte("export const a = 1\n")},
		"assets/app-1a2b.js.gz": {Data: []byte("\x1f\x8bpacked")},
		"icon.svg":              {Data: []byte("<svg/>")},
		".gitkeep":              {Data: nil},
	}
}
