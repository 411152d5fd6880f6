package template

import (
	"slices"
	"testing"
)

func TestSpecsAreComplete(t *testing.T) {
	want := []string{"NoHardShard", "HardShardModeV1", "SoftShard", "SoftShardByHash", "InputByExts", "InputByGlob",
		"InputBySubDirectory", "InputFromFileTripletJsonl", "InputFromWhateverJsonl", "InputFromList", "InputByGroup",
		"InputByFilenameSubfoldering", "InputByMerge", "InputByTar", "OutputByApendingExt",
		"OutputByReplacingExt", "OutputByFilenameSubfoldering", "OutputByTar", "FinishCheckByOutputFileExistence"}
	var got []string
	for _, top := range TopLevelFields() {
		for _, m := range SpecsOfRole(top.Name) {
			got = append(got, m.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("modes by role:\n%v\nwant\n%v", got, want)
	}
	for _, m := range specs {
		if m.Help == "" {
			t.Errorf("%s has no help", m.Name)
		}
		if again, ok := SpecOf(m.Name); !ok || again.Role != m.Role {
			t.Errorf("SpecOf(%s) = %v, %v", m.Name, again.Role, ok)
		}
		for _, f := range m.Fields {
			if f.Help == "" || f.Type == "" || f.Required && f.Default != nil {
				t.Errorf("%s.%s: help %q, type %q, required %v, default %v", m.Name, f.Name, f.Help, f.Type, f.Required, f.Default)
			}
			if found, ok := m.Field(f.Name); !ok || found.Type != f.Type {
				t.Errorf("%s.Field(%s) is not found", m.Name, f.Name)
			}
		}
	}
	if _, ok := SpecOf("InputByExt"); ok {
		t.Error("a mode that is none was found")
	}
	if _, ok := specs[0].Field("nothing"); ok {
		t.Error("a field that is none was found")
	}
}
