// Package docs holds what of the documents the product itself hands out. It imports nothing of ours; only package evidence may
// use it.
package docs

import _ "embed" // for the program below

// Verify is the second verifier, in Python, as a pack brings it along.
//
//go:embed verify.py
var Verify []byte
