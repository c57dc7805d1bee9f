// Package daemontest lends tests what servers need: addresses to listen at, and certificates.
package daemontest

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"testing"
)

// Nobody is an address of this machine at which nobody can listen who is no
// superuser, and nobody does.
const Nobody = "127.0.0.1:1"

// Address returns an address of this machine that is the test's until it ends; see
// Reserve.
func Address(t testing.TB) string {
	t.Helper()
	addr, release, err := Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := release(); err != nil {
			t.Error(err)
		}
	})
	return addr
}

// Reserve returns an address of this machine that nobody else is given until it is
// released, also not between two servers of the test. Connections to it are refused
// for as long as nobody listens.
//
// To listen at an address with port 0 and close that again is not enough: the next
// who asks may get the same before the server is up. So the port stays bound here,
// without listening. Servers that set SO_REUSEADDR, as Go's, Redis and PostgreSQL do,
// can listen at it all the same.
func Reserve() (addr string, release func() error, err error) {
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return "", nil, os.NewSyscallError("socket", err)
	}
	bound, err := bind(fd)
	if err != nil {
		return "", nil, errors.Join(err, syscall.Close(fd))
	}
	return bound.String(), func() error { return os.NewSyscallError("close", syscall.Close(fd)) }, nil
}

// bind gives the socket a free port of the loopback interface.
func bind(fd int) (netip.AddrPort, error) {
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return netip.AddrPort{}, os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return netip.AddrPort{}, os.NewSyscallError("bind", err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, os.NewSyscallError("getsockname", err)
	}
	v4, ok := at.(*syscall.SockaddrInet4)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("bound to %T", at)
	}
	return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), uint16(v4.Port)), nil //nolint:gosec // a port
}
