package whisper

import (
	"slices"
	"strings"
)

// signs are what Whisper's decoder never writes, alone or behind a space: they annotate,
// nobody says them. They are those of non_speech_tokens in the tokenizer that was published
// with "Robust Speech Recognition via Large-Scale Weak Supervision", arXiv:2212.04356.
var signs = strings.Fields("\" # ( ) * + / : ; < = > @ [ \\ ] ^ _ ` { | } ~ 「 」 『 』 << >> <<< >>> -- --- " +
	"-( -[ (' (\" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪ ♩ ♪ ♫ ♬ ♭ ♮ ♯")

// starts are allowed within a word, as in "it's", and not as its beginning.
var starts = []string{" -", " '"}

// notSpeech reports whether a token is not to be decoded, by its text.
func notSpeech(token string) bool {
	return slices.Contains(starts, token) || slices.Contains(signs, strings.TrimPrefix(token, " "))
}
