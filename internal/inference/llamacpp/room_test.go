package llamacpp

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

func TestMemoryRoom(t *testing.T) {
	const mib = 1 << 20
	const available = "MemTotal:       24681000 kB\nMemAvailable:    1048576 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nothing known": {nil, 0},
		"machine":       {map[string]string{"proc/meminfo": available}, 1024 * mib},
		"nonsense":      {map[string]string{"proc/meminfo": "MemAvailable: many kB\nMemAvailable: -5 kB\nMemAvailable: 9223372036854775807 kB\n"}, 0},
		"no limit": {map[string]string{
			"proc/meminfo": available, "proc/self/cgroup": "0::/a", "sys/fs/cgroup/a/memory.max": "max", "sys/fs/cgroup/a/memory.current": "5",
		}, 1024 * mib},
		"limit": {map[string]string{
			"proc/meminfo": available, "proc/self/cgroup": "0::/a/b",
			"sys/fs/cgroup/a/b/memory.max": "536870912", "sys/fs/cgroup/a/b/memory.current": "104857600",
		}, 412 * mib},
		"limit above": {map[string]string{
			"proc/meminfo": available, "proc/self/cgroup": "0::/a/b",
			"sys/fs/cgroup/a/memory.max": "536870912", "sys/fs/cgroup/a/memory.current": "104857600",
			"sys/fs/cgroup/a/b/memory.max": "max",
		}, 412 * mib},
		"page cache is free": {map[string]string{
			"proc/meminfo": available, "proc/self/cgroup": "0::/a",
			"sys/fs/cgroup/a/memory.max": "536870912", "sys/fs/cgroup/a/memory.current": "524288000",
			"sys/fs/cgroup/a/memory.stat": "anon 104857600\nactive_file 209715200\ninactive_file 209715200\n",
		}, 412 * mib},
		"full": {map[string]string{
			"proc/meminfo": available, "proc/self/cgroup": "0::/a", "sys/fs/cgroup/a/memory.max": "1000", "sys/fs/cgroup/a/memory.current": "2000",
		}, 1},
		"more than the machine has": {map[string]string{
			"proc/meminfo": available, "proc/self/cgroup": "0::/a", "sys/fs/cgroup/a/memory.max": "1099511627776", "sys/fs/cgroup/a/memory.current": "5",
		}, 1024 * mib},
		"version 1": {map[string]string{
			"proc/meminfo": available, "proc/self/cgroup": "4:memory:/x\n3:cpu,cpuacct:/x",
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes": "536870912", "sys/fs/cgroup/memory/x/memory.usage_in_bytes": "104857600",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712", "sys/fs/cgroup/memory/memory.usage_in_bytes": "1",
		}, 412 * mib},
	} {
		root := fstest.MapFS{}
		for file, text := range c.files {
			root[file] = &fstest.MapFile{Data: []byte(text)}
		}
		require.Equal(t, c.want, memoryRoom(root), name)
	}
}

func TestTheRoomOfASpecIsABound(t *testing.T) {
	for _, c := range []struct{ set, there, want int64 }{{0, 5, 5}, {3, 5, 3}, {7, 5, 5}, {3, 0, 3}, {0, 0, 0}} {
		require.Equal(t, c.want, roomOf(inference.Spec{Room: c.set}, c.there), c)
	}
}

// What is said ahead follows the room as the load does: fewer slots first, and the least where nothing fits.
func TestAnEstimateFollowsTheRoom(t *testing.T) {
	shape := inference.Shape{WeightBytes: 1 << 30, TiedBytes: 1 << 20, CellBytes: 1 << 10, Vocabulary: 1000, Heads: 4}
	spec := inference.Spec{SlotTokens: 4096, Threads: 4}
	wide := estimate(spec, shape, 4)
	require.Equal(t, shape.WeightBytes+shape.TiedBytes, wide.Weights+wide.Packed)
	spec.Room = wide.Cache
	narrow := estimate(spec, shape, 4)
	require.Less(t, narrow.Cache, wide.Cache)
	require.LessOrEqual(t, narrow.Cache+narrow.Compute+narrow.Output, spec.Room)
	spec.Room = 1
	require.Positive(t, estimate(spec, shape, 4).Cache)
	shape.Mapped = true
	require.Equal(t, 2*shape.WeightBytes+shape.TiedBytes, estimate(spec, shape, 4).Weights+estimate(spec, shape, 4).Packed)
}
