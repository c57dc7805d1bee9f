package auth

import (
	_ "embed"
	"strings"
	"unicode"
)

// leaked are the passwords of at least eight characters that lead the lists of leaked ones,
// in lower case, one a line. Those that repeat a character are found without a list.
//
//go:embed common.txt
var leaked string

var commonPasswords = set(strings.Fields(leaked)...)

// contextWords are what somebody tries first who knows what this is. docs/security.md
// lists them as well.
var contextWords = set(
	"turboscribe", "turboscribepro", "transcribe", "transcriber", "transcript", "transcripts", "transcription", "whisper", "whispercpp", "recording", "recordings",
	"admin", "administrator", "administrateur", "operator", "viewer",
)

// isCommon reports whether a password is among the first that anybody would guess: a leaked
// one, or a word of this place with no more than digits and signs about it.
func isCommon(password string) bool {
	lower := strings.ToLower(password)
	return commonPasswords[lower] || contextWords[strings.Map(onlyLetters, lower)]
}

func onlyLetters(r rune) rune {
	if unicode.IsLetter(r) {
		return r
	}
	return -1
}

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}
