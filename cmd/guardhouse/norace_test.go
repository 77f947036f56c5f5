//go:build !race

package main

// dearer is how much more memory and time a program takes with the race detector in it.
const dearer = 1
