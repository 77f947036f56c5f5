package evidence

import (
	_ "embed" // for the page below
	"io"

	"guardhouse/docs"
)

// page says in English and Chinese what is in a pack and how to check it.
//
//go:embed readme.md
var page []byte

func (m *making) readme(w io.Writer) error {
	_, err := w.Write(page)
	return err
}

func (m *making) verifier(w io.Writer) error {
	_, err := w.Write(docs.Verify)
	return err
}
