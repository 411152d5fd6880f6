package plugin

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/internal/wire"
)

// threadLimits keep N workers from starting N×CPUs threads between them.
var threadLimits = []string{
	"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS",
	"BLIS_NUM_THREADS", "RAYON_NUM_THREADS", "OPENCV_FOR_THREADS_NUM",
}

// limitsKey lists the limits that are the host's, not the user's.
const limitsKey = "KAGURAZAKA_ONE_THREAD"

// cleanNames are the variables of a clean environment, beside every name that begins with LC_.
var cleanNames = append([]string{
	"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TMPDIR", "TZ", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER",
}, threadLimits...)

// protocolNames are the variables of the protocol between host and SDK.
var protocolNames = []string{
	wire.CookieKey, wire.LifelineKey, "KAGURAZAKA_LOG_LEVEL", limitsKey, "KAGURAZAKA_TASK_SHA256", "KAGURAZAKA_TASK_PATH", "KAGURAZAKA_TASK_ARGV", "PLUGIN_PROTOCOL_VERSIONS", "PLUGIN_UNIX_SOCKET_DIR",
	"PLUGIN_CLIENT_CERT", "PLUGIN_MIN_PORT", "PLUGIN_MAX_PORT", tokenName,
}

// tokenName is the token of a run of several machines, which the host takes out of its environment when it starts.
const tokenName = "KAGURAZAKA_TOKEN"

// hidden are the variables that no plugin gets.
var hidden []string

// Hide keeps variables that are meant for the host from all plugins. It is called before the first plugin is started.
func Hide(names []string) { hidden = names }

// IsProtocolName reports whether a variable is part of the protocol. Users must not set these.
func IsProtocolName(name string) bool { return slices.Contains(protocolNames, name) }

// Environment is the environment of a plugin's process, without the variables of the protocol. threads limits BLAS, OpenMP and their like,
// unless the user does; 0: no limit.
func Environment(command Command, threads int) []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(hidden, name) || command.CleanEnv && !slices.Contains(cleanNames, name) && !strings.HasPrefix(name, "LC_")
	})
	if threads > 0 {
		var set []string
		for _, name := range threadLimits {
			_, users := os.LookupEnv(name)
			if users || slices.ContainsFunc(command.Env, func(entry string) bool { return strings.HasPrefix(entry, name+"=") }) {
				continue
			}
			env = append(env, name+"="+strconv.Itoa(threads))
			set = append(set, name)
		}
		if len(set) > 0 {
			// A process that is forked to work alone, or on several CPUs, may lift limits that only the host has set.
			env = append(env, limitsKey+"="+strings.Join(set, ","))
		}
	}
	return append(env, command.Env...)
}
