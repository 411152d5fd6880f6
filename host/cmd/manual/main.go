// Command manual writes the pages of the command line's help as man pages, and as tables into the reference.
//
//	manual man DIR    writes DIR/kagurazaka.1 and DIR/kagurazaka-COMMAND.1
//	manual docs DIR   writes the generated parts of the files in DIR, which are docs/reference
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kagurazaka/kagurazaka/host/cli"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: manual man|docs DIR")
	}
	pages, err := cli.Manual()
	if err != nil {
		return err
	}
	var files map[string]string
	switch args[0] {
	case "man":
		files = manPages(pages)
	case "docs":
		if files, err = reference(args[1], pages); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s: must be man or docs", args[0])
	}
	if err := os.MkdirAll(args[1], 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(args[1], name), []byte(text), 0o644); err != nil { //nolint:gosec // Documentation is for all.
			return err
		}
	}
	return nil
}
