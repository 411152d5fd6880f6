package k8scheck

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/batch"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	batchvalidation "k8s.io/kubernetes/pkg/apis/batch/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
)

// check decodes a manifest strictly, sets defaults, and validates each object as if it were created.
func check(manifest []byte) error {
	codec := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDecoder()
	documents := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(string(manifest))))
	var errs []error
	kinds := map[string]int{}
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if strings.TrimSpace(strings.Trim(string(document), "-\n")) == "" {
			continue
		}
		// The decoder sets the defaults of the object's version.
		object, kind, err := codec.Decode(document, nil, nil)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		kinds[kind.Kind]++
		errs = append(errs, validate(object)...)
	}
	if kinds["Job"] != 1 || kinds["Secret"] != 1 || len(kinds) != 2 {
		errs = append(errs, fmt.Errorf("the manifest has %v", kinds))
	}
	return errors.Join(errs...)
}

// validate does what the API server does with a new object.
func validate(object runtime.Object) (errs []error) {
	meta, err := apimeta.Accessor(object)
	if err != nil {
		return []error{err}
	}
	if meta.GetNamespace() == "" {
		// kubectl sets that of its context.
		meta.SetNamespace("default")
	}
	var found field.ErrorList
	switch o := object.(type) {
	case *batch.Job:
		selectPods(o)
		found = batchvalidation.ValidateJobCreate(o, batchvalidation.JobValidationOptions{RequirePrefixedLabels: true, PodValidationOptions: pod.GetValidationOptionsFromPodTemplate(&o.Spec.Template, nil)})
	case *core.Secret:
		found = corevalidation.ValidateSecret(o)
	default:
		return []error{fmt.Errorf("there is a %T", object)}
	}
	for _, e := range found {
		errs = append(errs, e)
	}
	return errs
}

// selectPods gives a job the selector that the API server makes before it validates: generateSelector of its package registry/batch/job, which
// would take minutes to compile.
func selectPods(job *batch.Job) {
	const uid = "00000000-0000-0000-0000-000000000001"
	job.UID = uid
	for key, value := range map[string]string{batch.JobNameLabel: job.Name, batch.ControllerUidLabel: uid, batch.LegacyJobNameLabel: job.Name, batch.LegacyControllerUidLabel: uid} {
		job.Spec.Template.Labels[key] = value
	}
	job.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{batch.ControllerUidLabel: uid}}
}

func manifest(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The API server takes the manifests that the launcher prints: the golden files of its tests.
func TestManifests(t *testing.T) {
	for _, name := range []string{"job-small.yaml", "job-large.yaml"} {
		if err := check([]byte(manifest(t, name))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the API server would refuse is refused here, too.
func TestRefused(t *testing.T) {
	good := manifest(t, "job-large.yaml")
	for name, c := range map[string]struct{ from, to, want string }{
		"an unknown field":                        {"completionMode: Indexed", "completionMode: Indexed\n  completionsMode: x", "unknown field"},
		"not indexed":                             {"completionMode: Indexed", "completionMode: NonIndexed", "backoffLimitPerIndex"},
		"an action":                               {"action: FailIndex", "action: Retry", "Unsupported value"},
		"restarts within the pod":                 {"restartPolicy: Never", "restartPolicy: OnFailure", "restartPolicy"},
		"two pods of one index":                   {"podReplacementPolicy: Failed", "podReplacementPolicy: TerminatingOrFailed", "podReplacementPolicy"},
		"a container that the policy cannot have": {"containerName: node", "containerName: other", "containerName"},
		"too many at once":                        {"parallelism: 100000", "parallelism: 200000", "parallelism"},
		"a mount without a volume":                {"name: data-1\n              readOnly", "name: data-9\n              readOnly", "Not found"},
		"a quantity":                              {"memory: 48Gi", "memory: 48GB", "quantit"},
		"requests without GPUs' limits":           {"nvidia.com/gpu: 2", "nvidia.com/gpu: 1.5", "integer"},
		"a name":                                  {"name: kagurazaka-abcdefghijkl", "name: Kagurazaka_x", "metadata.name"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.ReplaceAll(good, c.from, c.to)
			if bad == good {
				t.Fatalf("the manifest has no %q", c.from)
			}
			if err := check([]byte(bad)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}
