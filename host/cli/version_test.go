package cli

import (
	"testing"

	"github.com/kagurazaka/kagurazaka/internal/wire"
)

func TestVersionOf(t *testing.T) {
	for linked, want := range map[string]versionOutput{
		"dev":                    {Version: wire.SDKVersion + "-dev"},
		"97e997c-dirty":          {Version: wire.SDKVersion + "-dev", Commit: "97e997c", Modified: true},
		"v1.2.3":                 {Version: "1.2.3"},
		"v1.2.3-5-g97e997c":      {Version: "1.2.3-5-g97e997c", Commit: "97e997c"},
		"1.2.3-rc1-5-gabcdef012": {Version: "1.2.3-rc1-5-gabcdef012", Commit: "abcdef012"},
	} {
		got := versionOf(linked)
		// A test binary has no commit of its own.
		if got.Version != want.Version || got.Commit != want.Commit || got.Modified != want.Modified {
			t.Errorf("%s: %s, %s, %t", linked, got.Version, got.Commit, got.Modified)
		}
		if got.Go == "" || got.Protocol != 1 || got.SDK["go"] == "" || got.SDK["python"] == "" {
			t.Errorf("%s: %+v", linked, got)
		}
	}
}
