package sdk

import "testing"

// Both spellings make the mode that the host knows by its one name.
func TestOutputByAppendingExt(t *testing.T) {
	for _, m := range []Mode{OutputByAppendingExt(".a"), OutputByApendingExt(".a")} {
		if b, ok := m.(*builtin); !ok || b.name != "OutputByApendingExt" {
			t.Errorf("the mode is %#v", m)
		}
	}
}
