package blocked

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, err := range []error{
		os.Mkdir("folder", 0o755), os.WriteFile("file", nil, 0o600), os.Symlink("folder", "to-folder"), os.Symlink("file", "to-file"),
		os.Symlink("nowhere", "dangling"), os.Symlink("loop", "loop"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	absolute, err := filepath.Abs("new")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ path, why string }{
		{".", ""}, {"folder", ""}, {"to-folder", ""}, {"to-folder/new/newer", ""}, {"new", ""}, {"new/newer", ""}, {absolute, ""}, {"/", ""},
		{"file", "file is not a folder"}, {"file/", "file is not a folder"}, {"to-file", "to-file is not a folder"},
		{"file/new/newer", "file/new/newer cannot be made: file is not a folder"},
		{"dangling", "dangling is a link to nothing (nowhere)"}, {"loop", "loop is a link to nothing (loop)"},
		{"dangling/new", "dangling/new cannot be made: dangling is a link to nothing (nowhere)"},
	}
	for _, tt := range tests {
		why, hint := Folder(tt.path)
		if why != tt.why || (hint == "") != (why == "") {
			t.Errorf("%s: %q, %q", tt.path, why, hint)
		}
		if strings.Contains(why, "link") != strings.Contains(hint, "link") {
			t.Errorf("%s: hint %q", tt.path, hint)
		}
	}
}
