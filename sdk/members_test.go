package sdk

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/internal/members"
	"github.com/kagurazaka/kagurazaka/internal/tarfile"
	"github.com/kagurazaka/kagurazaka/internal/tarfile/tarfiletest"
	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// reader reads the members of its items, as files and as bytes.
type reader struct {
	Fail bool `name:"fail"`
}

var readerRead []string

func (r *reader) List(context.Context, func(any) error) error { return nil }

func (r *reader) Process(_ context.Context, item Item) error {
	text := ""
	for _, id := range []string{"", "jpg", "txt"} {
		data, err := item.Bytes(id)
		if err != nil {
			return err
		}
		text += string(data) + " "
	}
	for _, id := range []string{"jpg", "txt"} {
		f, _ := item.InputOf(id)
		data, err := os.ReadFile(f.Path)
		if err != nil {
			data = []byte("none")
		}
		text += fmt.Sprintf("%s:%s ", f.FileName, data)
	}
	if _, err := item.Bytes("json"); err == nil {
		text += "json?"
	}
	readerRead = append(readerRead, strings.TrimSpace(text))
	if item.Input().Path == "" || r.Fail {
		panic("failing")
	}
	return nil
}

// tarItem writes an archive whose members have their names as content, and returns the item of its first sample.
func tarItem(t *testing.T, path string, asBytes bool, names ...string) string {
	t.Helper()
	archive := tarfiletest.Write(t, path, names...)
	place := &members.Place{Tar: path, Bytes: asBytes}
	line := `{"input":{"path":"` + path + "/" + names[0] + `","rel_dir":"0","file_name":"` + names[0] + `"}`
	err := tarfile.Scan(bytes.NewReader(archive), int64(len(archive)), func(m tarfile.Member) error {
		field := "input" + strings.ReplaceAll(filepath.Ext(string(m.Name)), ".", "_")
		place.Parts = append(place.Parts, members.Part{Field: field, Offset: m.Offset, Size: m.Size, Check: m.Check})
		line += fmt.Sprintf(`,"%s":{"path":"%s/%s","rel_dir":"0","file_name":"%[3]s"}`, field, path, m.Name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(append(place.Append([]byte(line+`,"members":`)), '}'))
}

func TestMembersOfArchives(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PLUGIN_UNIX_SOCKET_DIR", dir)
	path := filepath.Join(dir, "0.tar")
	for _, c := range []struct {
		name    string
		asBytes bool
		args    []string
		want    string
	}{
		{"paths", false, nil, "a.jpg a.jpg a.txt a.jpg:a.jpg a.txt:a.txt"},
		{"bytes", true, nil, "a.jpg a.jpg a.txt a.jpg:none a.txt:none"},
		{"a panic", false, []string{"--fail"}, "a.jpg a.jpg a.txt a.jpg:a.jpg a.txt:a.txt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			readerRead = nil
			item := tarItem(t, path, c.asBytes, "a.jpg", "a.txt")
			client, _ := dial(t, Task[reader]{})
			open(t, client, &pb.OpenRequest{Task: "reader", Args: c.args, Capabilities: []string{wire.Members}})
			result := one(t, client, item, item)
			if len(readerRead) != 2 || readerRead[0] != c.want || readerRead[1] != c.want || (result.GetFailures() != nil) != (c.args != nil) {
				t.Errorf("it read %q, and failed %v", readerRead, result.GetFailures())
			}
			if left, err := filepath.Glob(filepath.Join(dir, "members-*", "*")); err != nil || left != nil {
				t.Errorf("left are %q, %v", left, err)
			}
		})
	}
	t.Run("an archive that has changed", func(t *testing.T) {
		item := tarItem(t, path, false, "a.jpg", "a.txt")
		tarItem(t, path, false, "b.jpg")
		client, _ := dial(t, Task[reader]{})
		open(t, client, &pb.OpenRequest{Task: "reader", Capabilities: []string{wire.Members}})
		result := one(t, client, item)
		if len(result.GetFailures()) != 1 || !strings.Contains(result.GetFailures()[0].GetError().GetMessage(), path+": the archive has changed since it was listed") {
			t.Errorf("the failures are %v", result.GetFailures())
		}
	})
}

func TestBytesOfPlainFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(path, []byte("plain"), 0o600); err != nil {
		t.Fatal(err)
	}
	item := Item{raw: []byte(`{"input":{"path":"` + path + `","rel_dir":".","file_name":"a.txt"},"input_text":{"path":"` + path + `","rel_dir":".","file_name":"a.txt"},"input_none":null}`)}
	for _, id := range []string{"", "text"} {
		if data, err := item.Bytes(id); err != nil || string(data) != "plain" {
			t.Errorf("%q: %q, %v", id, data, err)
		}
	}
	for _, id := range []string{"none", "other"} {
		if _, err := item.Bytes(id); err == nil || err.Error() != "the item has no file input_"+id {
			t.Errorf("%q: %v", id, err)
		}
	}
}
