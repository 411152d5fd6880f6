package job

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestDifferingPartsOfTemplates(t *testing.T) {
	a := `{"input_mode": {"mode": "InputByExts", "exts": [".a"]}, "output_mode": 1, "gone": 1}`
	b := `{"input_mode":{"mode":"InputByExts","exts":[".b"]},"output_mode":1,"new":2}`
	if got := differing(json.RawMessage(a), json.RawMessage(b)); !slices.Equal(got, []string{"gone", "input_mode", "new"}) {
		t.Errorf("%v differ", got)
	}
	if got := differing(json.RawMessage(a), json.RawMessage(a)); got != nil {
		t.Errorf("%v differ", got)
	}
}
