// Package python holds the source of the Python SDK, for the host to unpack: a host and the SDK that it serves task
// files with are always of one version.
package python

import "embed"

// Source has the package folder kagurazaka at its root, and beside it the script that Python is started with.
//
//go:embed all:kagurazaka kagurazaka_serve.py
var Source embed.FS
