// Package models embeds the default model and the manifest that describes it, so that a fresh clone
// judges offline. It imports the standard library alone; what a model is used for is catalog's business.
package models

import (
	"bytes"
	_ "embed" // the weights and the manifest
	"encoding/json"
	"fmt"
)

// GuardNano is the file of the default guard. It must never be written to.
//
//go:embed guard-nano.gguf
var GuardNano []byte

//go:embed manifest.json
var manifest []byte

// Entry describes one embedded model. File is its name in this folder, SHA256 the hash of its bytes in hex.
type Entry struct {
	ID          string `json:"id"`
	Kind        string `json:"kind"`
	File        string `json:"file"`
	SHA256      string `json:"sha256"`
	Licence     string `json:"licence"`
	Default     bool   `json:"default"`
	Description string `json:"description"`
}

// Manifest answers the embedded models. It refuses a manifest with members it does not know.
func Manifest() ([]Entry, error) {
	var m struct {
		Models []Entry `json:"models"`
	}
	dec := json.NewDecoder(bytes.NewReader(manifest))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return nil, fmt.Errorf("reading the embedded manifest: %w", err)
	}
	return m.Models, nil
}

// Bytes answers the embedded file of that name; ok is false for a name that is not embedded.
func Bytes(file string) (data []byte, ok bool) {
	if file == "guard-nano.gguf" {
		return GuardNano, true
	}
	return nil, false
}
