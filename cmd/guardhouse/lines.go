package main

import (
	"fmt"
	"io"
	"os"
)

// openLines opens the named file, or answers standard input for "-".
func openLines(sh *shared, name string) (in io.Reader, closeIn func(), err error) {
	if name == "-" {
		return sh.in, func() {}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the lines: %w", err)
	}
	return f, func() { _ = f.Close() }, nil
}
