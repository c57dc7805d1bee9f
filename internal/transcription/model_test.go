package transcription

import (
	"strings"
	"testing"
)

func TestModels_ranksAreInOrder(t *testing.T) {
	t.Parallel()
	for i, m := range Models() {
		if m.Rank != i || m.File == "" {
			t.Errorf("%+v stands at %d", m, i)
		}
		if len(m.SHA256) != 64 || m.Size < 1<<20 || m.Shape.AudioState == 0 || (m.Shape.Vocabulary > englishVocabulary) != m.Multilingual {
			t.Errorf("%s lacks facts", m.Name)
		}
		if !m.Multilingual && (m.Translates || !strings.HasSuffix(m.Name, ".en")) {
			t.Errorf("%+v contradicts itself", m)
		}
	}
	if LanguageName("haw") != "Hawaiian" || LanguageName("xx") != "xx" {
		t.Error("language names are wrong")
	}
}
