package plugin

import (
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
)

// What a child's child has counts for the one that is asked about, also when its parent is gone.
func TestResidentCountsChildren(t *testing.T) {
	if got := Resident([]int{os.Getpid()})[os.Getpid()]; got < 1<<20 {
		t.Errorf("this process has %d bytes", got)
	}
	if got := Resident([]int{1 << 29}); len(got) != 0 {
		t.Errorf("a process that is not there: %v", got)
	}
	// The shell waits in read; its child does, too, once it has said that it is there.
	cmd := exec.Command("sh", "-c", `sh -c 'x=$(head -c 3000000 /dev/zero | tr "\0" x); echo; read y' <&0; read z`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	got := Resident([]int{cmd.Process.Pid})[cmd.Process.Pid]
	all := Resident([]int{os.Getpid()})[os.Getpid()]
	mine, its := descendants(os.Getpid()), descendants(cmd.Process.Pid)
	_ = in.Close()
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	if got < 3_000_000 {
		t.Errorf("with a child of 3 MB: %d bytes", got)
	}
	if len(its) != 1 || !slices.Contains(mine, its[0]) || !slices.Contains(mine, cmd.Process.Pid) {
		t.Errorf("this process has the descendants %v, its child %d has %v", mine, cmd.Process.Pid, its)
	}
	if all < got {
		t.Errorf("this process and its children have %d bytes, its child has %d", all, got)
	}
}

func TestParseStat(t *testing.T) {
	line := "42 (a) b (c)) S 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 100 1000 77 18446744073709551615 1"
	st, ok := parseStat([]byte(line))
	if !ok || st.parent != 7 || st.group != 8 || st.pages != 77 {
		t.Errorf("%+v %v", st, ok)
	}
	for _, bad := range []string{"", "42", "42 (a) S 1"} {
		if _, ok := parseStat([]byte(bad)); ok {
			t.Errorf("%q was read", bad)
		}
	}
}
