// Package kernel computes what the engine spends its time on with code of our own: products with
// quantised weights, and the operations that hooks.cpp names. Which instructions it uses is chosen when the process starts,
// so one binary is fast on every processor and runs on all that the build was made for. It plugs into ggml as an
// "extra buffer type": the engine offers it every weight, and asks it for every operation of every pass.
package kernel
