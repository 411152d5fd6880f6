package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/lazily"
)

// K8s starts nodes as the pods of an Indexed Job of Kubernetes. Kubernetes replaces those that are disrupted.
type K8s struct {
	Run  Run
	Node Node
	Log  Log
	// Nodes is how many pods, GPUs how many each needs. CPUs and Memory are what each requests; empty: nothing is said.
	Nodes, GPUs  int
	CPUs, Memory string
	// Image has kagurazaka and the plugin in it. URL is the run's address as pods reach it; empty: the run's own.
	Image, URL string
	// Namespace is empty for that of kubectl's context. Queue is a LocalQueue of Kueue; empty: none.
	Namespace, Queue string
	// Mounts are CLAIM:PATH or CLAIM:PATH:ro: claims of persistent volumes and where they are in the pods.
	Mounts []string
	// Apply hands the manifest to kubectl; otherwise it is printed. Args are further words for kubectl.
	Apply bool
	Args  []string
	// Out gets what is printed.
	Out io.Writer
}

// object is a part of a manifest.
type object = map[string]any

// mount is one of Mounts, taken apart.
type mount struct {
	claim, path string
	readOnly    bool
}

var (
	// label is a name in Kubernetes (RFC 1123), claim one that may have dots.
	label = lazily.Regexp(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	claim = lazily.Regexp(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	// amount is a quantity of processors: 4, 0.5, 500m.
	amount = lazily.Regexp(`^[0-9]+(\.[0-9]+)?m?$`)
	size   = lazily.Regexp(`^[0-9]+(\.[0-9]+)?([kMGTP]|[KMGTP]i)?$`)
)

func readMount(text string) (mount, bool) {
	name, rest, ok := strings.Cut(text, ":")
	at, mode, hasMode := strings.Cut(rest, ":")
	if !ok || !claim().MatchString(name) || !path.IsAbs(at) || hasMode && mode != "ro" && mode != "rw" {
		return mount{}, false
	}
	return mount{name, path.Clean(at), mode == "ro"}, true
}

// Check returns what is wrong with the options.
func (k *K8s) Check() error {
	var problems []problem.Problem
	add := func(format string, args ...any) {
		problems = append(problems, problem.Problem{Message: fmt.Sprintf(format, args...)})
	}
	const most = 100_000
	if k.Nodes < 1 || k.Nodes > most {
		add("-N %d: must be the number of pods to start, from 1 to %d", k.Nodes, most)
	}
	if k.Image == "" {
		add("--image: is missing; hint: it names an image that has kagurazaka and the plugin in it")
	}
	if strings.ContainsAny(k.Image, " \t\n") || strings.HasPrefix(k.Image, "-") {
		add("--image %q: must be the name of an image, as in registry/name:tag", k.Image)
	}
	if k.GPUs < 0 {
		add("--gpus %d: must be a number of GPUs for each pod", k.GPUs)
	}
	if k.CPUs != "" && !amount().MatchString(k.CPUs) {
		add("--cpu %q: must be a number of processors such as 4 or 500m", k.CPUs)
	}
	if k.Memory != "" && !size().MatchString(k.Memory) {
		add("--memory %q: must be an amount of memory such as 8Gi or 512Mi", k.Memory)
	}
	if k.Namespace != "" && !label().MatchString(k.Namespace) {
		add("--namespace %q: must be the name of a namespace: small letters, digits and -", k.Namespace)
	}
	if k.Queue != "" && (!claim().MatchString(k.Queue) || len(k.Queue) > 63) {
		add("--kueue %q: must be the name of a LocalQueue: small letters, digits, - and .", k.Queue)
	}
	paths := map[string]string{secretPath: "the run's token"}
	for _, text := range k.Mounts {
		m, ok := readMount(text)
		if !ok {
			add("--mount %q: must be CLAIM:PATH or CLAIM:PATH:ro, with the name of a claim of a persistent volume and an absolute path", text)
			continue
		}
		if other := paths[m.path]; other != "" {
			add("--mount %q: %s is already where %s is", text, m.path, other)
		}
		paths[m.path] = text
	}
	if k.URL == "" && len(k.Run.beyond()) == 0 {
		add("--run-dir: the run listens at %s, which pods cannot reach; hint: start the run with --listen=HOST, HOST being an address that pods reach, or give the address of a Service in front of it with --address", strings.Join(k.Run.URLs, " "))
	}
	return problem.Err(problems)
}

// warnings are what may go wrong with pods that can be started.
func (k *K8s) warnings() []string {
	has := slices.ContainsFunc(k.Mounts, func(text string) bool {
		m, ok := readMount(text)
		return ok && (m.path == "/" || m.path == k.Run.Folder || strings.HasPrefix(k.Run.Folder, m.path+"/"))
	})
	if has || k.Run.Folder == "" {
		return nil
	}
	return []string{fmt.Sprintf("no --mount has the run's working folder, %s: a node without that folder is refused, also where it does not read it; hint: mount it, or start the run in a folder that the image has, such as /", terminal.Line(k.Run.Folder, maxID*10))}
}

// urls are the addresses that nodes are given.
func (k *K8s) urls() []string {
	if k.URL != "" {
		return []string{k.URL}
	}
	return k.Run.beyond()
}

const (
	secretPath = "/run/kagurazaka-run"
	// graceSeconds is how long a node may take to finish what it has begun when its pod is taken away.
	graceSeconds = 120
	// perIndex is how many times an index may fail: Kubernetes waits twice as long after each, so that a coordinator has some ten minutes to be
	// started again. What is not the node's fault is not counted.
	perIndex  = 6
	container = "node"
	tokenKey  = "token"
)

// Manifest are the Secret and the Job.
func (k *K8s) Manifest() ([]byte, error) {
	secret := object{
		"apiVersion": "v1", "kind": "Secret", "metadata": k.metadata(nil), "type": "Opaque", "stringData": object{tokenKey: k.Run.Secret},
	}
	job := object{"apiVersion": "batch/v1", "kind": "Job", "metadata": k.metadata(k.labels()), "spec": k.job()}
	var out bytes.Buffer
	for _, o := range []object{secret, job} {
		out.WriteString("---\n")
		e := yaml.NewEncoder(&out)
		e.SetIndent(2)
		if err := e.Encode(o); err != nil {
			return nil, fmt.Errorf("writing the manifest: %w", err)
		}
	}
	return out.Bytes(), nil
}

func (k *K8s) metadata(labels object) object {
	m := object{"name": k.Run.name(), "annotations": object{"kagurazaka/run": k.Run.ID}}
	if k.Namespace != "" {
		m["namespace"] = k.Namespace
	}
	if labels != nil {
		m["labels"] = labels
	}
	return m
}

func (k *K8s) labels() object {
	l := object{"app.kubernetes.io/name": "kagurazaka"}
	if k.Queue != "" {
		l["kueue.x-k8s.io/queue-name"] = k.Queue
	}
	return l
}

// job lets Kubernetes replace pods that are taken away, gives up an index that fails by itself, and never runs two pods of one index.
func (k *K8s) job() object {
	onExit := func(action string, codes ...int) object {
		return object{"action": action, "onExitCodes": object{"containerName": container, "operator": "In", "values": codes}}
	}
	spec := object{
		"completionMode": "Indexed", "completions": k.Nodes, "parallelism": k.Nodes,
		"backoffLimitPerIndex": perIndex, "podReplacementPolicy": "Failed",
		"podFailurePolicy": object{"rules": []object{
			{"action": "Ignore", "onPodConditions": []object{{"type": "DisruptionTarget"}}},
			// A node that was told to leave has not failed.
			onExit("Ignore", exitcode.Interrupted),
			// Another try of wrong usage fails in the same way.
			onExit("FailIndex", exitcode.Usage),
		}},
		"template": object{"metadata": object{"labels": k.labels()}, "spec": k.pod()},
	}
	if k.Queue != "" {
		// Kueue admits it.
		spec["suspend"] = true
	}
	return spec
}

func (k *K8s) pod() object {
	words := k.Node.work(append(k.urls(), "--token-file", secretPath+"/"+tokenKey)...)
	for i, w := range words {
		// Kubernetes would take $(NAME) for a variable.
		words[i] = strings.ReplaceAll(w, "$(", "$$(")
	}
	volumes := []object{{"name": "run", "secret": object{"secretName": k.Run.name(), "defaultMode": 0o444}}}
	mounts := []object{{"name": "run", "mountPath": secretPath, "readOnly": true}}
	var claims []string
	for _, text := range k.Mounts {
		m, _ := readMount(text)
		at := slices.Index(claims, m.claim)
		if at < 0 {
			at = len(claims)
			claims = append(claims, m.claim)
			volumes = append(volumes, object{"name": fmt.Sprintf("data-%d", at), "persistentVolumeClaim": object{"claimName": m.claim}})
		}
		o := object{"name": fmt.Sprintf("data-%d", at), "mountPath": m.path}
		if m.readOnly {
			o["readOnly"] = true
		}
		mounts = append(mounts, o)
	}
	c := object{"name": container, "image": k.Image, "command": words, "volumeMounts": mounts}
	if r := k.resources(); len(r) > 0 {
		c["resources"] = r
	}
	return object{
		"restartPolicy": "Never", "terminationGracePeriodSeconds": graceSeconds,
		// Nothing in the pod speaks to Kubernetes.
		"automountServiceAccountToken": false,
		"containers":                   []object{c}, "volumes": volumes,
	}
}

func (k *K8s) resources() object {
	requests, limits := object{}, object{}
	if k.CPUs != "" {
		requests["cpu"] = k.CPUs
	}
	if k.Memory != "" {
		requests["memory"], limits["memory"] = k.Memory, k.Memory
	}
	if k.GPUs > 0 {
		limits["nvidia.com/gpu"] = k.GPUs
	}
	out := object{}
	if len(requests) > 0 {
		out["requests"] = requests
	}
	if len(limits) > 0 {
		out["limits"] = limits
	}
	return out
}

// Print writes the manifest.
func (k *K8s) Print(w io.Writer) error {
	if err := k.Check(); err != nil {
		return err
	}
	text, err := k.Manifest()
	if err != nil {
		return err
	}
	warn(k.Log, k.warnings())
	_, err = w.Write(text)
	return err
}

// Start prints the manifest or hands it to the cluster. Kubernetes watches the pods.
func (k *K8s) Start(ctx context.Context, _ <-chan struct{}) error {
	if !k.Apply {
		return k.Print(k.Out)
	}
	if err := k.Check(); err != nil {
		return err
	}
	warn(k.Log, k.warnings())
	said, err := k.kubectl(ctx, false)
	if err == nil {
		_, err = fmt.Fprintln(k.Out, said)
	}
	return err
}

const applyPatience = 2 * time.Minute

// kubectl hands the manifest to the API server; trial: that only says what it would do.
func (k *K8s) kubectl(ctx context.Context, trial bool) (said string, err error) {
	text, err := k.Manifest()
	if err != nil {
		return "", err
	}
	const program = "kubectl"
	if err := find(program, "install it, or leave --apply out and apply what is printed on another machine"); err != nil {
		return "", err
	}
	args := []string{"apply", "--filename=-"}
	if trial {
		args = append(args, "--dry-run=server")
	}
	out, complaints, err := tool{program, applyPatience}.run(ctx, string(text), append(args, k.Args...)...)
	var failed *failedError
	if errors.As(err, &failed) {
		return "", fmt.Errorf("%w; hint: kubectl must reach the cluster, and may make Jobs and Secrets in the namespace (kubectl auth can-i create jobs)", err)
	}
	return strings.TrimSpace(out + complaints), err
}
