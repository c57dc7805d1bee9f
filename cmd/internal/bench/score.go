package main

import (
	"strings"
	"unicode"
)

// words returns the words of a text as they are compared: whoever wrote it, in
// lower case and without punctuation.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\''
	})
}

// wordErrors returns how many words have to be replaced, added or taken away to
// get from one text to the other.
func wordErrors(got, want []string) int {
	row := make([]int32, len(got)+1)
	for j := range row {
		row[j] = int32(j)
	}
	for i, w := range want {
		diagonal := row[0]
		row[0] = int32(i) + 1
		for j, g := range got {
			change := diagonal
			if w != g {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return int(row[len(got)])
}
