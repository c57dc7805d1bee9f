package main

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
)

// inline returns a name or a message as it may stand within a line of a terminal:
// control characters, which could move its cursor or pass for lines of ours, are
// spelled out.
func inline(s string) string { return spellOut(s, "") }

// lines is inline for text of several lines. JSON stays the same JSON.
func lines(s string) string { return spellOut(s, "\n\t") }

func spellOut(s, but string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsControl(r) && !strings.ContainsRune(but, r) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// plain returns a transcript without control characters but line feeds and tabs.
func plain(text []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}
