package rate_test

import (
	"testing"

	"github.com/turboscribe/turboscribe/internal/rate"
)

func TestNetwork(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ip   string
		bits int
		want string
	}{
		{"192.0.2.77", 24, "192.0.2.0/24"},
		{"192.0.2.77", 32, "192.0.2.77/32"},
		{"::ffff:192.0.2.77", 24, "192.0.2.0/24"}, // the same in other words
		{"2001:db8:1:2:3::4", 24, "2001:db8:1:2::/64"},
		{"2001:db8:1:2:3::4", 32, "2001:db8:1:2::/64"},
		{"fe80::1%eth0", 32, "fe80::/64"},
		{"", 32, ""},
		{"unix", 24, "unix"},
	} {
		if got := rate.Network(tt.ip, tt.bits); got != tt.want {
			t.Errorf("%s, %d: got %s, want %s", tt.ip, tt.bits, got, tt.want)
		}
	}
}
