//go:build !linux

package whisper

// machineMemory is not known here.
func machineMemory() int64 { return 0 }
