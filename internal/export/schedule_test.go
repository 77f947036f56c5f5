package export_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/export"
	"guardhouse/internal/fault"
)

// scheduled is a house with a folder for schedules.
func scheduled(t *testing.T, with ...func(*export.Deps)) (*house, string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	folder := filepath.Join(dir, "exports")
	require.NoError(t, os.Mkdir(folder, 0o750))
	return newHouse(t, append([]func(*export.Deps){func(d *export.Deps) { d.Folder = folder }}, with...)...), folder
}

func daily() export.Draft {
	return export.Draft{Name: "archive", Format: export.JSONL, Every: export.Day, At: "02:30"}
}

func (h *house) only() export.Schedule {
	h.t.Helper()
	all, err := h.Schedules(h.t.Context())
	require.NoError(h.t, err)
	require.Len(h.t, all, 1)
	return all[0]
}

func files(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(folder, "archive"))
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Files follow each other without a row between them, and days that were missed are in one file.
func TestScheduleGoesOn(t *testing.T) {
	t.Parallel()
	h, folder := scheduled(t)
	h.fill(5)
	sc, err := h.Add(t.Context(), h.alice(), daily())
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 11, 23, 2, 30, 0, 0, time.UTC), sc.Next)
	require.NoError(t, h.RunDue(t.Context()))
	require.NoFileExists(t, filepath.Join(folder, "archive"), "its time has not come")

	h.turn(24 * time.Hour)
	require.NoError(t, h.RunDue(t.Context()))
	h.fill(7)
	h.turn(3 * 24 * time.Hour)
	require.NoError(t, h.RunDue(t.Context()))
	require.NoError(t, h.RunDue(t.Context()), "once is enough")

	names := files(t, folder)
	require.Equal(t, []string{"guardhouse-audit-000000000001-000000000007.jsonl", "guardhouse-audit-000000000008-000000000016.jsonl"}, names)
	previous, seq := audit.Genesis, int64(0)
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(folder, "archive", name))
		require.NoError(t, err)
		rows, _, m := h.read(string(text))
		require.True(t, m.Contiguous)
		require.Equal(t, "server:exports", m.By)
		for _, ev := range rows {
			seq++
			require.Equal(t, seq, ev.Seq)
			require.Equal(t, previous, ev.PrevHash)
			previous = ev.Hash
		}
	}
	sc = h.only()
	require.EqualValues(t, 16, sc.After)
	require.Equal(t, names[1], sc.LastFile)
	require.Equal(t, time.Date(2026, 11, 27, 2, 30, 0, 0, time.UTC), sc.Next)
	end := h.newest(1)[0]
	require.Equal(t, "end", end.Details["change"])
	require.Equal(t, names[1], end.Details["file"])
	require.Equal(t, sc.ID, end.Details["schedule"])
}

// A stop between the row and the name loses no file; what a killed run left is removed.
func TestScheduleAfterAKill(t *testing.T) {
	t.Parallel()
	h, folder := scheduled(t)
	_, err := h.Add(t.Context(), h.alice(), daily())
	require.NoError(t, err)
	h.turn(24 * time.Hour)
	require.NoError(t, h.RunDue(t.Context()))
	whole := filepath.Join(folder, "archive", files(t, folder)[0])
	require.NoError(t, os.Rename(whole, whole+".part"))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "archive", "guardhouse-audit-000000000009-000000000010.jsonl.part"), []byte("half"), 0o600))
	require.NoError(t, h.Settle(t.Context()))
	require.Equal(t, []string{filepath.Base(whole)}, files(t, folder))
}

// A power cut behind the row leaves the file: folder and name are durable before it, and where they cannot be there is no such row.
func TestScheduleIsDurableBeforeItsRow(t *testing.T) {
	t.Parallel()
	h, _ := scheduled(t)
	_, err := h.Add(t.Context(), h.alice(), daily())
	require.NoError(t, err)
	var synced []string
	h.OnSync(func(dir *os.File) error {
		names, err := dir.Readdirnames(-1)
		require.NoError(t, err)
		synced = append(synced, fmt.Sprint(names, h.only().After))
		return nil
	})
	h.turn(24 * time.Hour)
	require.NoError(t, h.RunDue(t.Context()))
	name := h.only().LastFile
	require.Equal(t, []string{"[archive] 0", "[" + name + ".part] 0", fmt.Sprintf("[%s] %d", name, h.only().After)}, synced)

	h.OnSync(func(*os.File) error { return syscall.EIO })
	before := h.only()
	h.turn(24 * time.Hour)
	require.NoError(t, h.RunDue(t.Context()))
	require.Equal(t, before.After, h.only().After)
	require.Equal(t, export.WhyDenied, h.only().FailedWhy)
}

func TestScheduleFailsLoudly(t *testing.T) {
	t.Parallel()
	h, folder := scheduled(t)
	_, err := h.Add(t.Context(), h.alice(), daily())
	require.NoError(t, err)
	h.turn(24 * time.Hour)
	require.NoError(t, os.Rename(folder, folder+"-gone"))
	require.NoError(t, h.RunDue(t.Context()))
	sc := h.only()
	require.Equal(t, 1, sc.Failures)
	require.Equal(t, export.WhyMissing, sc.FailedWhy)
	row := h.newest(1)[0]
	require.Equal(t, audit.Error, row.Decision)
	require.Equal(t, export.WhyMissing, row.Details["why"])
	require.Equal(t, sc.ID, row.Details["schedule"])
	require.NoError(t, h.RunDue(t.Context()), "not before some minutes have passed")
	require.Equal(t, 1, h.only().Failures)

	require.NoError(t, os.Rename(folder+"-gone", folder))
	h.turn(6 * time.Minute)
	require.NoError(t, h.RunDue(t.Context()))
	sc = h.only()
	require.Zero(t, sc.Failures)
	require.Nil(t, sc.Retry)
	require.Len(t, files(t, folder), 1)
}

// A full disk ends the file, not the schedule, and nothing half stays.
func TestScheduleLeavesRoom(t *testing.T) {
	t.Parallel()
	low := true
	h, folder := scheduled(t, func(d *export.Deps) { d.DiskLow = func() bool { return low } })
	_, err := h.Add(t.Context(), h.alice(), daily())
	require.NoError(t, err)
	h.turn(24 * time.Hour)
	require.NoError(t, h.RunDue(t.Context()))
	require.Equal(t, export.WhyFull, h.only().FailedWhy)
	require.Empty(t, files(t, folder))
	require.Equal(t, "end", h.newest(1)[0].Details["change"])
	low = false
	h.turn(time.Hour)
	require.NoError(t, h.RunDue(t.Context()))
	require.Len(t, files(t, folder), 1)
}

func TestFolderRules(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	at := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	for _, d := range []string{"good", "open", "data", "data/in", "around", "around/data"} {
		require.NoError(t, os.Mkdir(at(d), 0o750))
	}
	require.NoError(t, os.Chmod(at("open"), 0o777))
	require.NoError(t, os.Symlink(at("good"), at("link")))
	require.NoError(t, os.Mkdir(at("good", "below"), 0o750))
	require.NoError(t, os.WriteFile(at("file"), nil, 0o600))
	kept := []string{at("data"), at("around", "data"), ""}
	loose := func(path string) (string, string) {
		if path == at("good", "below") {
			return at("good"), "can be written to"
		}
		return "", ""
	}
	for folder, why := range map[string]string{
		"": export.WhyUnset, at("none"): export.WhyMissing, at("link"): export.WhyLink, at("link", "below"): export.WhyLink, at("file"): export.WhyNone,
		at("open"): export.WhyWritable, at("good", "below"): export.WhyWritable, at("data"): export.WhyKept, at("data", "in"): export.WhyKept,
		at("around"): export.WhyKept, at("good"): "",
	} {
		require.Equal(t, why, export.WhyOf(export.CheckFolder(folder, kept, loose)), folder)
	}
}

// The schedule's own folder is no way out either.
func TestScheduleFollowsNoLink(t *testing.T) {
	t.Parallel()
	h, folder := scheduled(t)
	_, err := h.Add(t.Context(), h.alice(), daily())
	require.NoError(t, err)
	require.NoError(t, os.Symlink(t.TempDir(), filepath.Join(folder, "archive")))
	h.turn(24 * time.Hour)
	require.NoError(t, h.RunDue(t.Context()))
	require.Equal(t, export.WhyLink, h.only().FailedWhy)
}

func TestAddAndRemove(t *testing.T) {
	t.Parallel()
	h, _ := scheduled(t)
	browser := h.alice()
	browser.Unconfirmed = true
	bad := func(change func(*export.Draft)) export.Draft {
		n := daily()
		change(&n)
		return n
	}
	for name, c := range map[string]struct {
		p    access.Principal
		n    export.Draft
		code fault.Code
	}{
		"not his":      {h.rita(), daily(), fault.Forbidden},
		"no password":  {browser, daily(), fault.ConfirmationRequired},
		"a path":       {h.alice(), bad(func(n *export.Draft) { n.Name = "../x" }), fault.Invalid},
		"no name":      {h.alice(), bad(func(n *export.Draft) { n.Name = "" }), fault.Invalid},
		"every minute": {h.alice(), bad(func(n *export.Draft) { n.Every = "minute" }), fault.Invalid},
		"25 o'clock":   {h.alice(), bad(func(n *export.Draft) { n.At = "25:00" }), fault.Invalid},
		"a range":      {h.alice(), bad(func(n *export.Draft) { n.Filter.From = began }), fault.Invalid},
		"format":       {h.alice(), bad(func(n *export.Draft) { n.Format = "pdf" }), fault.Invalid},
	} {
		_, err := h.Add(t.Context(), c.p, c.n)
		require.Equal(t, c.code, fault.CodeOf(err), name)
		require.NotEqual(t, audit.Allow, h.newest(1)[0].Decision, name)
	}
	n := daily()
	n.Filter = audit.Filter{Decision: audit.Deny, RequestID: "req_1"}
	sc, err := h.Add(t.Context(), h.alice(), n)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"decision": "deny", "request_id": "req_1"}, sc.Filter)
	row := h.newest(1)[0]
	require.Equal(t, "settings.manage", row.Action)
	require.Equal(t, "export-schedule:archive", row.Resource)
	require.Equal(t, "add", row.Details["change"])
	_, err = h.Add(t.Context(), h.alice(), daily())
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	require.Equal(t, fault.NotFound, fault.CodeOf(h.Remove(t.Context(), h.alice(), "other")))
	require.Equal(t, fault.ConfirmationRequired, fault.CodeOf(h.Remove(t.Context(), browser, "archive")))
	require.NoError(t, h.Remove(t.Context(), h.alice(), "archive"))
	require.Equal(t, "remove", h.newest(1)[0].Details["change"])
	all, err := h.Schedules(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
}

// What a schedule filters by is what it was told.
func TestScheduleKeepsItsFilter(t *testing.T) {
	t.Parallel()
	h, folder := scheduled(t)
	h.fill(14)
	n := daily()
	n.Filter = audit.Filter{Actor: "person-3", Action: "moderation.run", Model: "guard-nano", Decision: "allow", IP: "192.0.2.7", Q: "guard"}
	_, err := h.Add(t.Context(), h.alice(), n)
	require.NoError(t, err)
	h.turn(24 * time.Hour)
	require.NoError(t, h.RunDue(t.Context()))
	text, err := os.ReadFile(filepath.Join(folder, "archive", files(t, folder)[0]))
	require.NoError(t, err)
	rows, _, m := h.read(string(text))
	require.Len(t, rows, 2)
	var said map[string]string
	require.NoError(t, json.Unmarshal([]byte(m.Filter), &said))
	require.Equal(t, h.only().Filter, said)
}

func TestNextTimes(t *testing.T) {
	t.Parallel()
	sunday := began // 22 November 2026, 9:00
	for _, c := range []struct {
		every export.Every
		at    string
		want  time.Time
	}{
		{export.Hour, "00:15", time.Date(2026, 11, 22, 9, 15, 0, 0, time.UTC)},
		{export.Hour, "", time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)},
		{export.Day, "09:00", time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)},
		{export.Day, "09:01", time.Date(2026, 11, 22, 9, 1, 0, 0, time.UTC)},
		{export.Week, "02:00", time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)},
	} {
		require.Equal(t, c.want, export.Next(c.every, c.at, sunday), "%s %s", c.every, c.at)
	}
	require.Equal(t, time.Date(2026, 11, 30, 2, 0, 0, 0, time.UTC), export.Next(export.Week, "02:00", time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)))
}
