package events_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/internal/events"
)

// TestLoadingIsToldAFewTimesASecond: what moved within a moment waits, a new state does not, and hundredths are enough.
func TestLoadingIsToldAFewTimesASecond(t *testing.T) {
	r := newRig(t)
	loading := func(done float64) catalog.Model {
		return catalog.Model{ID: "guard-nano", State: catalog.StateLoading, Stage: catalog.StageReading, Progress: done}
	}
	s := r.follow(user("nurse"), events.FromNow)
	told := func(want ...string) {
		t.Helper()
		s.until(t, func() bool { return len(s.of(events.TypeModels)) >= len(want) })
		r.settle(s)
		var got []string
		for _, e := range s.of(events.TypeModels) {
			got = append(got, e.data)
		}
		require.Equal(t, want, got)
	}
	const ready = `{"id":"guard-nano","state":"ready"}`
	told(ready)
	r.models.set(loading(0))
	first := `{"id":"guard-nano","state":"loading","stage":"reading","progress":0}`
	told(ready, first)
	r.models.set(loading(0.25))
	told(ready, first)
	r.clock.Advance(time.Second)
	second := `{"id":"guard-nano","state":"loading","stage":"reading","progress":0.25}`
	told(ready, first, second)
	r.clock.Advance(time.Second)
	r.models.set(loading(0.2501))
	told(ready, first, second)
	r.models.set(catalog.Model{ID: "guard-nano", State: catalog.StateReady})
	told(ready, first, second, ready)
}
