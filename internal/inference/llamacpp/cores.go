package llamacpp

import (
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// computeCores answers how many threads should compute: the physical cores behind the given logical
// processors, no more than the control groups' quota, and over four one less, which HTTP keeps. A second
// thread on a core, or one more than the quota, makes all others wait. It answers at least 1.
func computeCores(root fs.FS, cpus []int) int {
	cores := make(map[string]bool)
	for _, c := range cpus {
		dir := fmt.Sprintf("sys/devices/system/cpu/cpu%d/topology", c)
		siblings, err := fs.ReadFile(root, path.Join(dir, "thread_siblings_list"))
		key := strings.TrimSpace(string(siblings))
		if err != nil || key == "" {
			key = strconv.Itoa(c) // unknown: a core of its own
		}
		cores[key] = true
	}
	n := max(1, len(cores))
	if quota := cpuQuota(root); quota > 0 {
		n = min(n, max(1, int(math.Floor(quota+0.01))))
	}
	if n > 4 {
		n--
	}
	return n
}

// cpuQuota answers the smallest quota, in processors, of this process's control group and those above
// it; 0 if there is none.
func cpuQuota(root fs.FS) float64 {
	smallest := 0.0
	eachGroup(root, func(controllers, dir string) {
		if q := quotaAt(root, controllers, dir); q > 0 && (smallest == 0 || q < smallest) {
			smallest = q
		}
	})
	return smallest
}

// eachGroup calls f with this process's control groups and those above them: controllers is "" in version 2.
func eachGroup(root fs.FS, f func(controllers, dir string)) {
	list, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(list)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for dir := path.Clean("/" + parts[2]); ; dir = path.Dir(dir) {
			f(parts[1], strings.TrimPrefix(dir, "/"))
			if dir == "/" {
				break
			}
		}
	}
}

func hasController(list, name string) bool {
	return slices.Contains(strings.Split(list, ","), name)
}

// quotaAt reads one group: version 2 has an empty controller list and cpu.max, version 1 two files.
func quotaAt(root fs.FS, controllers, dir string) float64 {
	if controllers == "" {
		fields := strings.Fields(readText(root, path.Join("sys/fs/cgroup", dir, "cpu.max")))
		if len(fields) != 2 {
			return 0
		}
		return share(fields[0], fields[1])
	}
	if !hasController(controllers, "cpu") {
		return 0
	}
	base := path.Join("sys/fs/cgroup", controllers, dir)
	return share(readText(root, path.Join(base, "cpu.cfs_quota_us")), readText(root, path.Join(base, "cpu.cfs_period_us")))
}

func share(quota, period string) float64 {
	q, err1 := strconv.ParseFloat(quota, 64)
	p, err2 := strconv.ParseFloat(period, 64)
	if err1 != nil || err2 != nil || q <= 0 || p <= 0 {
		return 0
	}
	return q / p
}

func readText(root fs.FS, name string) string {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
