package cli

import (
	"fmt"
	"io/fs"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/internal/wire"
	"github.com/kagurazaka/kagurazaka/sdk/python"
)

// semantic is a semantic version, as a tag or a build has it.
var semantic = regexp.MustCompile(`^v?\d+\.\d+\.\d+([-+.].*)?$`)

// described is the commit in what git describes, with a tag before it or without.
var described = regexp.MustCompile(`(?:^|-g)([0-9a-f]{7,40})(-dirty)?$`)

// versionOutput is what `version` prints.
type versionOutput struct {
	Version string `json:"version"`
	// Commit is empty where the build does not say it. Modified: the files differ from it.
	Commit   string `json:"commit"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Protocol int    `json:"protocol"`
	// SDK are the versions of the SDKs that were built together with the host, by language.
	SDK map[string]string `json:"sdk"`
}

// versionOf reads the versions from the build. linked is what the linker set.
func versionOf(linked string) *versionOutput {
	v := &versionOutput{
		Version: wire.SDKVersion + "-dev", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Protocol: wire.ProtocolVersion,
		SDK: map[string]string{"go": wire.SDKVersion, "python": pythonVersion()},
	}
	if found := described.FindStringSubmatch(linked); found != nil {
		v.Commit, v.Modified = found[1], found[2] != ""
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	switch {
	case semantic.MatchString(linked):
		v.Version = strings.TrimPrefix(linked, "v")
	case v.Commit == "" && semantic.MatchString(info.Main.Version):
		// Installed from a module proxy.
		v.Version = strings.TrimPrefix(info.Main.Version, "v")
	}
	return v
}

// pythonVersion is the version of the Python SDK that the host unpacks.
func pythonVersion() string {
	text, err := fs.ReadFile(python.Source, "kagurazaka/_version.py")
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text), `__version__ = "`)
	version, _, _ := strings.Cut(rest, `"`)
	return version
}

// printVersion answers --version, in one line.
func (a *app) printVersion() error {
	return a.Answer("kagurazaka " + a.program.Build.String() + "\n")
}

// build is what a run keeps of the versions.
func (v *versionOutput) build() ledger.Build {
	return ledger.Build{Version: v.Version, Commit: v.Commit, Modified: v.Modified}
}

// versionCommand is `version [--json]`.
func (a *app) versionCommand() error {
	if !a.line.Empty() {
		return a.line.Unexpected("version takes --json alone")
	}
	v := versionOf(a.version)
	if a.grammar.VersionOf.JSON {
		return printJSON(a.out.JSON(), v)
	}
	commit := "unknown"
	if v.Commit != "" {
		commit = v.Commit
	}
	if v.Modified {
		commit += " (modified)"
	}
	_, err := fmt.Fprintf(a.streams.Out, "kagurazaka  %s\ncommit      %s\ngo          %s %s\nprotocol    %d\nsdk         go %s, python %s\n",
		v.Version, commit, v.Go, v.Platform, v.Protocol, v.SDK["go"], v.SDK["python"])
	return err
}
