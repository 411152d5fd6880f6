package plugin

import (
	"slices"
	"strings"
	"testing"
)

func TestCleanEnvironment(t *testing.T) {
	for _, name := range []string{"AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "GITHUB_TOKEN", "LD_PRELOAD", "VIRTUAL_ENV", "LC_ALL", "TZ", "CUDA_VISIBLE_DEVICES", "MKL_NUM_THREADS"} {
		t.Setenv(name, "here")
	}
	names := func(env []string) []string {
		var out []string
		for _, entry := range env {
			name, _, _ := strings.Cut(entry, "=")
			out = append(out, name)
		}
		return out
	}
	env := Environment(Command{CleanEnv: true, Env: []string{"OWN=1", "LD_PRELOAD=x"}}, 1)
	for _, secret := range []string{"AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "GITHUB_TOKEN", "VIRTUAL_ENV"} {
		if slices.Contains(names(env), secret) {
			t.Errorf("%s is let through", secret)
		}
	}
	for _, want := range []string{"LC_ALL=here", "TZ=here", "CUDA_VISIBLE_DEVICES=here", "MKL_NUM_THREADS=here", "OMP_NUM_THREADS=1", "OWN=1", "LD_PRELOAD=x"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if slices.Contains(env, "LD_PRELOAD=here") {
		t.Error("the host's LD_PRELOAD is let through")
	}
	if all := Environment(Command{}, 0); !slices.Contains(all, "AWS_SECRET_ACCESS_KEY=here") {
		t.Error("without CleanEnv something is missing")
	}
}

func TestThreadLimits(t *testing.T) {
	t.Setenv("MKL_NUM_THREADS", "7")
	env := Environment(Command{Env: []string{"OMP_NUM_THREADS=2"}}, 4)
	for _, want := range []string{
		"OPENBLAS_NUM_THREADS=4", "NUMEXPR_NUM_THREADS=4", "MKL_NUM_THREADS=7", "OMP_NUM_THREADS=2",
		"KAGURAZAKA_ONE_THREAD=OPENBLAS_NUM_THREADS,VECLIB_MAXIMUM_THREADS,NUMEXPR_NUM_THREADS,BLIS_NUM_THREADS,RAYON_NUM_THREADS,OPENCV_FOR_THREADS_NUM",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if slices.Contains(env, "MKL_NUM_THREADS=4") || slices.Contains(env, "OMP_NUM_THREADS=4") {
		t.Error("the user's limit is replaced")
	}
}
