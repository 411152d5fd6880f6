package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// checkUTF8 refuses arguments that are not UTF-8: nothing of the contract between host and plugin could carry them. PLUGIN
// may be any file name.
func (a *app) checkUTF8() error {
	var wrong []string
	for i, arg := range a.args {
		if !utf8.ValidString(arg) {
			wrong = append(wrong, fmt.Sprintf("%q (argument %d)", arg, i+1))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	if plugin := a.split.choosePluginExists(); len(wrong) == 1 && !utf8.ValidString(plugin) {
		return nil
	}
	return usage("arguments have to be UTF-8: %s. A file of such a name can be given by a link that has another one", strings.Join(wrong, ", "))
}
