package launch

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); go test -update writes it:\n%s", path, diff)
	}
}

func smallK8s() *K8s {
	return &K8s{
		Run: Run{
			ID: "20261127-203307-ab12cd", Fleet: "ABCDEFGHIJKLMNOP", Dir: "/data/run",
			URLs: []string{"nats://127.0.0.1:4222", "tls://10.0.0.1:4222"}, Secret: "a-token-of-the-run.00ff",
		},
		Node: Node{Program: "kagurazaka"}, Nodes: 4, Image: "registry.example/kagurazaka:1",
	}
}

func largeK8s() *K8s {
	k := smallK8s()
	k.Node = Node{Program: "/opt/yes/kagurazaka", Flags: []string{"--num_process=8", "--reconnect=5m", "--name=on: 'off' # {x}\n\"y\""}}
	k.Nodes, k.GPUs, k.CPUs, k.Memory, k.Namespace, k.Queue = 100_000, 2, "7.5", "48Gi", "batch", "team-queue"
	k.Mounts = []string{"photos:/data/in:ro", "photos:/data/out", "models.v1:/models:ro"}
	k.URL = "tls://kagurazaka.batch.svc:4222"
	return k
}

// A node without the run's working folder is refused, which the launcher says before there is one.
func TestK8sSaysWhichFolderIsMissing(t *testing.T) {
	k := smallK8s()
	k.Run.Folder = "/data/work"
	for mount, missing := range map[string]bool{"": true, "photos:/data/wor": true, "photos:/data/work/in": true, "photos:/data/work": false, "photos:/data:ro": false} {
		k.Mounts = nil
		if mount != "" {
			k.Mounts = []string{mount}
		}
		if w := k.warnings(); missing != (len(w) == 1 && strings.Contains(w[0], "no --mount has the run's working folder, /data/work")) {
			t.Errorf("with --mount %q: %q, want a warning: %t", mount, w, missing)
		}
	}
}

// k8scheck validates the same files with the code of Kubernetes' API server.
func TestK8sManifests(t *testing.T) {
	for name, k := range map[string]*K8s{"job-small.yaml": smallK8s(), "job-large.yaml": largeK8s()} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := k.Print(&out); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.String())
		})
	}
}

// Words come back from the manifest as they were, whatever YAML could read in them.
func TestK8sQuotes(t *testing.T) {
	k := largeK8s()
	odd := []string{"yes", "on", "~", "1e3", "0x10", "012", "- a", "a: b", "!tag", "*x", "&y", "%z", "\ttab", "é\u2028", "a\nb\n", " ", "#", "12:30:45", "$(HOME)"}
	k.Node.Flags = odd
	text, err := k.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	_, job, _ := strings.Cut(string(text)[4:], "---\n")
	var got struct {
		Spec struct {
			Template struct {
				Spec struct {
					Containers []struct{ Command []string }
				}
			}
		}
	}
	if err := yaml.Unmarshal([]byte(job), &got); err != nil {
		t.Fatal(err)
	}
	want := append([]string{"/opt/yes/kagurazaka", "work", "tls://kagurazaka.batch.svc:4222", "--token-file", "/run/kagurazaka-run/token"}, odd...)
	// Kubernetes would replace $(HOME).
	want[len(want)-1] = "$$(HOME)"
	if diff := cmp.Diff(want, got.Spec.Template.Spec.Containers[0].Command); diff != "" {
		t.Errorf("the command differs (-want +got):\n%s", diff)
	}
}

func TestK8sBadInput(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*K8s)
		want   string
	}{
		"no image":         {func(k *K8s) { k.Image = "" }, "--image: is missing; hint: it names an image that has kagurazaka and the plugin in it"},
		"an image's name":  {func(k *K8s) { k.Image = "a b" }, `--image "a b": must be the name of an image`},
		"no pods":          {func(k *K8s) { k.Nodes = 0 }, "-N 0: must be the number of pods to start"},
		"processors":       {func(k *K8s) { k.CPUs = "many" }, `--cpu "many": must be a number of processors such as 4 or 500m`},
		"memory":           {func(k *K8s) { k.Memory = "8GB" }, `--memory "8GB": must be an amount of memory such as 8Gi or 512Mi`},
		"a namespace":      {func(k *K8s) { k.Namespace = "A_b" }, `--namespace "A_b": must be the name of a namespace`},
		"a queue":          {func(k *K8s) { k.Queue = "A b" }, `--kueue "A b": must be the name of a LocalQueue`},
		"a mount":          {func(k *K8s) { k.Mounts = []string{"photos"} }, `--mount "photos": must be CLAIM:PATH or CLAIM:PATH:ro`},
		"a relative mount": {func(k *K8s) { k.Mounts = []string{"photos:data"} }, `--mount "photos:data": must be CLAIM:PATH or CLAIM:PATH:ro`},
		"a mount twice":    {func(k *K8s) { k.Mounts = []string{"a:/x", "b:/x/"} }, `--mount "b:/x/": /x is already where a:/x is`},
		"loopback":         {func(k *K8s) { k.Run.URLs = k.Run.URLs[:1] }, "--run-dir: the run listens at nats://127.0.0.1:4222, which pods cannot reach; hint: start the run with --listen=HOST"},
	} {
		t.Run(name, func(t *testing.T) {
			k := smallK8s()
			c.change(k)
			if err := k.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func apply(k *K8s) error {
	k.Apply = true
	return k.Start(context.Background(), nil)
}

func TestK8sApply(t *testing.T) {
	t.Run("missing", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if err := apply(smallK8s()); err == nil || !strings.HasPrefix(err.Error(), "kubectl: not on this machine; hint: ") {
			t.Errorf("error %v, want one about kubectl", err)
		}
	})
	// A program in kubectl's place shows what it was given.
	program := func(t *testing.T, script string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "kubectl"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	}
	t.Run("given", func(t *testing.T) {
		program(t, `echo "$@"; cat`)
		var out strings.Builder
		k := smallK8s()
		k.Args, k.Apply, k.Out = []string{"--context=a"}, true, &out
		err := k.Start(context.Background(), nil)
		text, _ := k.Manifest()
		if want := "apply --filename=- --context=a\n" + string(text); err != nil || out.String() != want {
			t.Errorf("kubectl got %q (%v), want %q", out.String(), err, want)
		}
	})
	t.Run("refused", func(t *testing.T) {
		program(t, `echo "error: forbidden $3" >&2; exit 1`)
		k := smallK8s()
		k.Apply = true
		if err := k.Start(context.Background(), nil); err == nil || !strings.HasPrefix(err.Error(), "kubectl: error: forbidden; hint: kubectl must reach the cluster") {
			t.Errorf("error %v, want kubectl's own", err)
		}
		var out strings.Builder
		if err := k.Explain(context.Background(), &out); err == nil || !strings.Contains(out.String(), "Kubernetes would refuse: kubectl: error: forbidden --dry-run=server") {
			t.Errorf("explained by %q (%v), want kubectl's own words", out.String(), err)
		}
	})
}
