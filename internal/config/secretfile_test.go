package config

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const planted = "g7Rk2vQx9LpZ4mWc8TnB1yHd6JfSaEuo"

func secretFile(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	require.NoError(t, os.Chmod(file, mode))
	return file
}

func TestSecretsFromFiles(t *testing.T) {
	for _, content := range []string{planted, planted + "\n", planted + "\r\n"} {
		file := secretFile(t, content, 0o400)
		link := filepath.Join(t.TempDir(), "link")
		require.NoError(t, os.Symlink(file, link))
		c, err := load(t, "auth: {jwt_secret_file: "+link+"}", []string{"GUARDHOUSE_AUTH_JWT_SECRET_PREVIOUS_FILE=" + file}, nil)
		require.NoError(t, err)
		require.Equal(t, planted, c.JWTSecret.Reveal())
		require.Equal(t, planted, c.JWTSecretPrevious.Reveal())
	}
}

func TestSecretFilesThatAreRefused(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	for name, tc := range map[string]struct{ file, says string }{
		"others may read":  {secretFile(t, planted, 0o604), "others can use the file (mode 0604)"},
		"group may read":   {secretFile(t, planted, 0o640), "others can use"},
		"group may write":  {secretFile(t, planted, 0o620), "others can use"},
		"absent":           {filepath.Join(t.TempDir(), "absent"), "no such file"},
		"folder":           {t.TempDir(), "no plain file"},
		"pipe":             {fifo, "no plain file"},
		"empty":            {secretFile(t, "\n", 0o600), "is empty"},
		"two lines":        {secretFile(t, planted+"\n"+planted, 0o600), "more than one line"},
		"larger than 4 KB": {secretFile(t, strings.Repeat(planted, 200), 0o600), "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, key := range []string{"jwt_secret_file", "jwt_secret_previous_file"} {
				_, err := load(t, "auth: {"+key+": "+tc.file+"}", nil, nil)
				require.ErrorContains(t, err, tc.says)
				require.ErrorContains(t, err, "auth."+key)
				require.NotContains(t, err.Error(), planted)
			}
		})
	}
	file := secretFile(t, planted, 0o600)
	_, err := load(t, "auth: {jwt_secret: "+planted+", jwt_secret_file: "+file+"}", nil, nil)
	require.ErrorContains(t, err, "both set")
}

// threat S5: what was read from the environment is not handed on to children.
func TestSecretsLeaveTheEnvironment(t *testing.T) {
	t.Setenv("GUARDHOUSE_AUTH_JWT_SECRET", planted)
	t.Setenv("GUARDHOUSE_AUTH_JWT_SECRET_PREVIOUS", planted+"2")
	t.Setenv("GUARDHOUSE_AUTH_SESSION_IDLE", "10m")
	c, err := Load(Sources{})
	require.NoError(t, err)
	require.Equal(t, planted, c.JWTSecret.Reveal())
	require.Equal(t, planted+"2", c.JWTSecretPrevious.Reveal())
	out, err := exec.CommandContext(t.Context(), "env").Output()
	require.NoError(t, err)
	require.NotContains(t, string(out), planted)
	require.Contains(t, string(out), "GUARDHOUSE_AUTH_SESSION_IDLE=10m", "only secrets go")
	for _, o := range Options() {
		if strings.Contains(o.Key, "secret") && !strings.HasSuffix(o.Key, "_file") {
			require.True(t, o.Secret, o.Key)
		}
	}
}
