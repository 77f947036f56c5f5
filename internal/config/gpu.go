package config

import (
	"encoding/hex"
	"errors"
	"path/filepath"
	"strconv"
)

// AllLayers is GPULayers where as many go on a GPU as fit.
const AllLayers = -1

func gpuLayers(c *Config, v string) error {
	if v == "auto" {
		c.GPULayers = AllLayers
		return nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 1000 {
		return errors.New("wants auto or a whole number from 0 to 1000")
	}
	c.GPULayers = n
	return nil
}

// absolute takes a path that means the same from every folder.
func absolute(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if !filepath.IsAbs(v) {
			return errors.New("wants an absolute path")
		}
		return path(field)(c, v)
	}
}

// digest takes a SHA-256 as sha256sum writes it, or nothing.
func digest(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if sum, err := hex.DecodeString(v); err != nil || v != "" && len(sum) != 32 || hex.EncodeToString(sum) != v {
			return errors.New("wants a SHA-256 of 64 small hexadecimal digits")
		}
		*field(c) = v
		return nil
	}
}
