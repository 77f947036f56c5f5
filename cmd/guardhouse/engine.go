package main

import (
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/llamacpp"
)

// newEngine is the only call into the native adapter: app and every test of it build without C++.
func newEngine() inference.Engine { return llamacpp.New() }
