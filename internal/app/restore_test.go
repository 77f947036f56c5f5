package app

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/backup"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// send makes one request with the headers given and answers status, cookies and body.
func (r *running) send(t *testing.T, method, path string, headers map[string]string, body any) (int, []*http.Cookie, map[string]any) {
	t.Helper()
	data, err := json.Marshal(body)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), method, strings.TrimSuffix(r.URL, "/")+path, bytes.NewReader(data))
	require.NoError(t, err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	} else {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	res, err := r.client(t).Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	var answer map[string]any
	if len(raw) > 0 {
		require.NoError(t, json.Unmarshal(raw, &answer), string(raw))
	}
	return res.StatusCode, res.Cookies(), answer
}

const alicesPassword = "a long sentence for tests"

// archiveOf makes a backup of a folder that a server may have open.
func archiveOf(t *testing.T, data string) (file string, key backup.Key) {
	t.Helper()
	a, err := Open(t.Context(), settings(t, data), Options{Engine: engine(t)})
	require.NoError(t, err)
	defer func() { require.NoError(t, a.Close()) }()
	file = filepath.Join(t.TempDir(), "b.ghb")
	key, err = backup.WriteKeyFile(file + ".key")
	require.NoError(t, err)
	_, err = a.Backup(t.Context(), SystemPrincipal("tester"), backup.Request{File: file, Key: key, IncludeKeys: true})
	require.NoError(t, err)
	return file, key
}

func restore(t *testing.T, data, file string, key backup.Key) (backup.Restored, error) {
	t.Helper()
	return Restore(t.Context(), settings(t, data), SystemPrincipal("tester"), backup.Restoration{File: file, Key: key, Replace: true, Now: time.Now})
}

// threat S3
// threat A1
func TestNothingOldOpensARestoredServer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	r := serve(t, data)
	status, _, made := r.send(t, http.MethodPost, "/api/v1/setup", nil, map[string]string{"token": r.SetupToken, "username": "alice", "password": alicesPassword})
	require.Equal(t, http.StatusCreated, status, made)
	login := map[string]string{"username": "alice", "password": alicesPassword}
	status, cookies, in := r.send(t, http.MethodPost, "/api/v1/auth/login", nil, login)
	require.Equal(t, http.StatusOK, status, in)
	var session string
	for _, c := range cookies {
		if c.Name == "__Host-gh" {
			session = c.Name + "=" + c.Value
		}
	}
	require.NotEmpty(t, session)
	bearer := map[string]string{"Authorization": "Bearer " + in["access_token"].(string)}
	refresh := map[string]any{"refresh_token": in["refresh_token"]}
	status, _, key := r.send(t, http.MethodPost, "/api/v1/keys", bearer, map[string]any{"label": "program"})
	require.Equal(t, http.StatusCreated, status, key)
	apiKey := map[string]string{"Authorization": "Bearer " + key["key"].(string)}
	cookie := map[string]string{"Cookie": session}
	for name, headers := range map[string]map[string]string{"cookie": cookie, "bearer": bearer} {
		status, _, body := r.send(t, http.MethodGet, "/api/v1/auth/me", headers, nil)
		require.Equal(t, http.StatusOK, status, "%s: %v", name, body)
	}
	models := func(r *running, headers map[string]string) int {
		status, _, _ := r.send(t, http.MethodGet, "/api/v1/models", headers, nil)
		return status
	}
	require.Equal(t, http.StatusOK, models(r, apiKey))

	file, archiveKey := archiveOf(t, data)
	_, err := restore(t, data, file, archiveKey)
	require.ErrorContains(t, err, "another guardhouse serves")
	r.end(t)
	out, err := restore(t, data, file, archiveKey)
	require.NoError(t, err)
	require.Positive(t, out.Sessions)
	require.EqualValues(t, 1, out.APIKeys)

	r = serve(t, data)
	require.Empty(t, r.SetupToken, "the set-up stays closed")
	for name, headers := range map[string]map[string]string{"cookie": cookie, "bearer": bearer, "key": apiKey} {
		require.Equal(t, http.StatusUnauthorized, models(r, headers), name)
	}
	status, _, body := r.send(t, http.MethodPost, "/api/v1/auth/refresh", nil, refresh)
	require.Equal(t, http.StatusUnauthorized, status, body)
	status, _, _ = r.send(t, http.MethodPost, "/api/v1/auth/refresh", cookie, nil)
	require.Equal(t, http.StatusUnauthorized, status)
	status, _, _ = r.send(t, http.MethodPost, "/api/v1/setup", nil, map[string]string{"token": strings.Repeat("0", 64), "username": "mallory", "password": alicesPassword})
	require.Equal(t, http.StatusNotFound, status)

	// Passwords are as they were at the time; the key works again once somebody says so.
	status, _, body = r.send(t, http.MethodPost, "/api/v1/auth/login", nil, login)
	require.Equal(t, http.StatusOK, status, body)
	a, err := Open(t.Context(), settings(t, data), Options{Engine: engine(t)})
	require.NoError(t, err)
	_, err = a.Auth.ConfirmKey(t.Context(), SystemPrincipal("tester"), key["id"].(string))
	require.NoError(t, err)
	report, err := a.Audit.Verify(t.Context())
	require.NoError(t, err)
	require.True(t, report.OK(), report.Detail)
	require.NoError(t, a.Close())
	require.Equal(t, http.StatusOK, models(r, apiKey))
	r.end(t)
}

// threat S3
func TestARestoredEmptyServerIsNotSetUpByStrangers(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	file, key := archiveOf(t, data) // nobody was there at the time
	_, err := restore(t, data, file, key)
	require.NoError(t, err)
	r := serve(t, data)
	require.Empty(t, r.SetupToken)
	status, _, _ := r.send(t, http.MethodPost, "/api/v1/setup", nil, map[string]string{"token": strings.Repeat("0", 64), "username": "mallory", "password": alicesPassword})
	require.Equal(t, http.StatusNotFound, status)
	r.end(t)
}

func TestARestoreWantsTheFolderForItself(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	file, key := archiveOf(t, data)
	command, err := Open(t.Context(), settings(t, data), Options{Engine: engine(t)})
	require.NoError(t, err)
	_, err = restore(t, data, file, key)
	require.ErrorContains(t, err, "another guardhouse command is at work")
	require.NoError(t, command.Close())

	release, err := ownFolder(t.Context(), data)
	require.NoError(t, err)
	opened := make(chan error, 1)
	go func() {
		a, err := Open(t.Context(), settings(t, data), Options{Engine: engine(t)})
		if err == nil {
			err = a.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		require.Fail(t, "opened in the middle of a restore", "%v", err)
	case <-time.After(100 * time.Millisecond):
	}
	require.NoError(t, release())
	require.NoError(t, <-opened, "it waits its turn")
	_, err = restore(t, data, file, key)
	require.NoError(t, err)
}

// A restore that was killed after its commit is finished by whatever command comes next.
func TestTheNextCommandFinishesARestore(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	_, _ = archiveOf(t, data)
	pending := filepath.Join(data, "restore.pending")
	require.NoError(t, os.Mkdir(pending, 0o700))
	require.NoError(t, os.Rename(filepath.Join(data, "guardhouse.db"), filepath.Join(pending, "guardhouse.db")))
	plan := `{"version":1,"aside":"replaced-20261121T143012Z","items":["guardhouse.db"]}`
	require.NoError(t, os.WriteFile(filepath.Join(pending, "plan.json"), []byte(plan), 0o600))
	stale := filepath.Join(data, "run", "restore-123")
	require.NoError(t, os.MkdirAll(stale, 0o700))

	require.True(t, Exists(settings(t, data)))
	a, err := Open(t.Context(), settings(t, data), Options{Engine: engine(t)})
	require.NoError(t, err)
	require.NoError(t, a.Close())
	require.NoDirExists(t, pending)
	require.NoDirExists(t, stale)
	require.FileExists(t, filepath.Join(data, "guardhouse.db"))
}

func TestARefusedRestoreLeavesNoFolder(t *testing.T) {
	above := t.TempDir()
	file := filepath.Join(t.TempDir(), "b.ghb")
	key, err := backup.WriteKeyFile(file + ".key")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte("no archive"), 0o600))
	_, err = restore(t, filepath.Join(above, "data"), file, key)
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	entries, err := os.ReadDir(above)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// threat S4
// threat U5
func TestWhatWasDeletedOrMistypedIsInNoFile(t *testing.T) {
	const person, secret = "Wilhelmina-Nightingale-7c1f", "correct-horse-typed-in-the-wrong-box"
	data := filepath.Join(t.TempDir(), "data")
	r := serve(t, data)
	status, _, made := r.send(t, http.MethodPost, "/api/v1/setup", nil, map[string]string{"token": r.SetupToken, "username": "alice", "password": alicesPassword})
	require.Equal(t, http.StatusCreated, status, made)
	bearer := map[string]string{"Authorization": "Bearer " + made["access_token"].(string)}
	status, _, user := r.send(t, http.MethodPost, "/api/v1/users", bearer,
		map[string]string{"username": "wilma", "password": "another long sentence", "role": "guest", "display_name": person})
	require.Equal(t, http.StatusCreated, status, user)
	require.NotEmpty(t, holding(t, data, person), "the search finds what is there")
	status, _, body := r.send(t, http.MethodDelete, "/api/v1/users/"+user["id"].(string), bearer, nil)
	require.Less(t, status, 300, body)
	status, _, _ = r.send(t, http.MethodPost, "/api/v1/auth/login", nil, map[string]string{"username": secret, "password": "x"})
	require.Equal(t, http.StatusUnauthorized, status)
	file, _ := archiveOf(t, data)
	r.end(t) // the log beside the database is written back
	require.Empty(t, holding(t, data, person))
	require.Empty(t, holding(t, data, secret))
	require.Empty(t, holding(t, filepath.Dir(file), person))

	d, err := db.Open(t.Context(), db.Options{Path: filepath.Join(data, "guardhouse.db")})
	require.NoError(t, err)
	var left string
	require.NoError(t, d.ReadSQL().QueryRowContext(t.Context(), "SELECT username FROM users WHERE status = 'deleted'").Scan(&left))
	require.Equal(t, "wilma", left, "the name stays taken, and no more")
	require.NoError(t, d.Close())
}

// holding lists the files below dir that hold text.
func holding(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			found = append(found, path)
		}
		return err
	}))
	return found
}
