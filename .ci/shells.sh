#!/usr/bin/env bash
# shells.sh: installs zsh and fish for the tests of completion, where this is root and apt can. Where it cannot, those tests are left out by name.
set -euo pipefail
have() { command -v zsh >/dev/null && command -v fish >/dev/null; }
if have || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then exit 0; fi
install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends zsh fish; }
{ install || { apt-get update -qq && install; }; } >/dev/null 2>&1 || echo "zsh and fish could not be installed" >&2
