// Package archtest holds no code: its tests keep the import table of the whole tree, with a reason per
// row, and the few names that only one package may speak. They read what `go list` and the parser say,
// never what a comment promises. It may import the standard library and a YAML reader.
package archtest
