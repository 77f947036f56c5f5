package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/config"
)

// threat D2: whoever can write to a folder above a secret can replace it.
func TestSecretsLieWhereOthersCannotReplaceThem(t *testing.T) {
	root := t.TempDir()
	inner := filepath.Join(root, "etc", "tls")
	require.NoError(t, os.MkdirAll(inner, 0o700))
	file := filepath.Join(inner, "x.pem")
	set := map[string]func(c *config.Config){
		"tls.key":                       func(c *config.Config) { c.TLSKey = file },
		"auth.jwt_secret_file":          func(c *config.Config) { c.JWTSecretFile = file },
		"auth.jwt_secret_previous_file": func(c *config.Config) { c.JWTSecretPreviousFile = file },
		"log.file":                      func(c *config.Config) { c.LogFile = file },
	}
	for key, apply := range set {
		c := settings(t, filepath.Join(root, "data"))
		apply(c)
		require.NoError(t, Check(c), key)
		for _, dir := range []string{inner, filepath.Dir(inner)} {
			for mode, refused := range map[os.FileMode]bool{0o777: true, 0o757: true, 0o777 | os.ModeSticky: false, 0o755: false} {
				require.NoError(t, os.Chmod(dir, mode))
				err := Check(c)
				require.Equal(t, refused, err != nil, "%s below %s with %v: %v", key, dir, mode, err)
				if refused {
					require.ErrorContains(t, err, key)
					require.ErrorContains(t, err, "chmod go-w "+dir)
				}
			}
			require.NoError(t, os.Chmod(dir, 0o700))
		}
	}
	link := filepath.Join(root, "link")
	require.NoError(t, os.Symlink(inner, link))
	require.NoError(t, os.Chmod(inner, 0o777))
	c := settings(t, filepath.Join(root, "data"))
	c.TLSKey = filepath.Join(link, "x.pem")
	require.Error(t, Check(c), "a link does not hide the folder")
}
