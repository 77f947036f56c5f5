package audit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatIsPreparedHashesTheSame(t *testing.T) {
	l := New(nil, []byte("key"))
	now := time.UnixMilli(1_790_000_000_000).UTC()
	e := Entry{Content: [][]byte{[]byte("one"), []byte("two")}}
	p := l.Prepare(e, now)
	require.Regexp(t, `^evt_[0-9A-Z]{26}$`, p.ID)
	require.Equal(t, hashContent([]byte("key"), p.ID, e.Content), l.event(p, now).ContentHash)
	require.Equal(t, p.ID, l.event(p, now).ID)
	require.NotEqual(t, p.ID, l.Prepare(e, now).ID)

	p.ID = "evt_other"
	require.Equal(t, hashContent([]byte("key"), "evt_other", e.Content), l.event(p, now).ContentHash, "a hash belongs to its id")
	p.ID, p.Content = "", nil
	require.Empty(t, l.event(p, now).ContentHash)
	require.Empty(t, l.event(l.Prepare(Entry{}, now), now).ContentHash)
	require.Equal(t, "evt_mine", l.Prepare(Entry{ID: "evt_mine"}, now).ID)
}
