package task

import (
	"testing"

	"github.com/hibiken/asynq"
)

// FuzzDecode: Redis is shared with others, and an older version may have written what is in
// it. What passes for a step is written in the same way.
func FuzzDecode(f *testing.F) {
	f.Add("prepare", []byte(`{"id":"01900000-0000-7000-8000-000000000001","run":1,"index":0,"gen":1}`))
	f.Add("transcribe", []byte(`{"id":"01900000-0000-7000-8000-000000000001","run":1,"index":-1,"gen":1,"lane":"gpu"}`))
	f.Add("", []byte(`{"id":null}`))
	f.Add("x", []byte(nil))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		s, err := decode(asynq.NewTask(kind, body))
		if err != nil {
			return
		}
		if s.Ref.Run < 1 || s.Index < 0 || s.Gen < 1 {
			t.Errorf("%s passed for a step", body)
		}
		task, err := encode(s)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := decode(task); again != s || err != nil {
			t.Errorf("%v comes back as %v, %v", s, again, err)
		}
	})
}
