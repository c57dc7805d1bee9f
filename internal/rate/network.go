package rate

import "net/netip"

// Network returns what counts as one address: the first bits of one of IPv4, and a whole
// /64 of IPv6, which everybody has who has any. What is no address stays as it is.
func Network(ip string, bits int) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	addr = addr.Unmap().WithZone("")
	if !addr.Is4() {
		bits = 64
	}
	return netip.PrefixFrom(addr, bits).Masked().String()
}
