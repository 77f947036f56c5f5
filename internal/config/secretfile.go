package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// maxSecretFile bounds a file that holds one secret: a real one has a hundred bytes.
const maxSecretFile = 4 << 10

// secretFromFile names the setting whose value may stand in a file instead, and the one that names the file.
type secretFromFile struct {
	key, fileKey string
	value        *Secret
	file         string
}

// readSecretFiles takes the secrets that stand in files. It refuses one that is given twice, and a file that anybody but its
// owner has any right to.
func (c *Config) readSecretFiles() error {
	for _, s := range []secretFromFile{
		{"auth.jwt_secret", "auth.jwt_secret_file", &c.JWTSecret, c.JWTSecretFile},
		{"auth.jwt_secret_previous", "auth.jwt_secret_previous_file", &c.JWTSecretPrevious, c.JWTSecretPreviousFile},
	} {
		if s.file == "" {
			continue
		}
		if *s.value != "" {
			return fmt.Errorf("%s and %s are both set: remove one", s.key, s.fileKey)
		}
		secret, err := readSecretFile(s.file)
		if err != nil {
			return fmt.Errorf("%s: %w", s.fileKey, err)
		}
		*s.value = secret
	}
	return nil
}

// ReadSecretFile answers the one line of a file that holds a secret for a command. It refuses a file that anybody but its owner has any
// right to.
func ReadSecretFile(name string) (Secret, error) { return readSecretFile(name) }

// readSecretFile answers the first and only line of the file. It follows links, which secret mounts are made of, and looks at
// what it opened, not at its name.
func readSecretFile(name string) (secret Secret, err error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", fmt.Errorf("opening the secret: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("examining the secret: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("is no plain file")
	}
	const others = 0o077
	if mode := info.Mode().Perm(); mode&others != 0 {
		return "", fmt.Errorf("others can use the file (mode %04o): chmod 600, and make a new secret if others were on this machine", mode)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return "", fmt.Errorf("reading the secret: %w", err)
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case len(data) > maxSecretFile:
		return "", fmt.Errorf("is larger than %d bytes", maxSecretFile)
	case line == "":
		return "", errors.New("is empty")
	case strings.ContainsAny(line, "\r\n\x00"):
		return "", errors.New("holds more than one line")
	}
	return Secret(line), nil
}

// unsetSecrets takes the secrets out of the process's environment, so that no child inherits them (threat S5).
func unsetSecrets() error {
	var errs []error
	for _, o := range Options() {
		if o.Secret {
			errs = append(errs, os.Unsetenv(o.Env()))
		}
	}
	return errors.Join(errs...)
}
