package whisper

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroupLimit is where a container reads how much memory it may use.
const cgroupLimit = "/sys/fs/cgroup/memory.max"

// machineMemory returns how many bytes of memory this machine or container has;
// 0: not known.
func machineMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	total := int64(info.Totalram) * int64(info.Unit) //nolint:gosec // no machine has 2^63 bytes
	limit, err := os.ReadFile(cgroupLimit)
	if err != nil {
		return total
	}
	if n, err := strconv.ParseInt(strings.TrimSpace(string(limit)), 10, 64); err == nil && n > 0 { // "max" is no number
		total = min(total, n)
	}
	return total
}
