package daemontest

import (
	"net"
	"testing"
)

// A server that was started at a port that had been free a moment before found it
// taken now and then: the kernel had given it to another test.
func TestReserve(t *testing.T) {
	t.Parallel()
	addr := Address(t)
	for range 2 { // a server may be started again
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if c, err := net.Dial("tcp", addr); err == nil {
			t.Errorf("%v takes connections, and nobody listens", c.RemoteAddr())
		}
	}
}
