#!/usr/bin/env bash
# go-test.sh ARGUMENT…: go test, by way of gotestsum, which sums up failures and skipped tests at the end. Under CI=true a
# skipped test fails the run, unless .ci/left-out lists it as PACKAGE.TEST.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build
# The tests may run as another user, who need not get into this folder.
KAGURAZAKA_TEST_BINARIES=$(mktemp -d)
export KAGURAZAKA_TEST_BINARIES
trap 'rm -rf "$KAGURAZAKA_TEST_BINARIES"' EXIT
# A program with the race detector sleeps a second before it exits. 50 ms are enough for a report that is under way.
export GORACE="${GORACE:-atexit_sleep_ms=50}"
results=build/go-test.json
.tools/bin/gotestsum --format pkgname --jsonfile "$results" -- -timeout 30m "$@"
[ "${CI:-}" = true ] || exit 0
status=0
while IFS= read -r test; do
  bash .ci/leave-out.sh "$test" "it skipped itself" || status=1
done < <(sed -n 's|.*"Action":"skip","Package":"github.com/kagurazaka/kagurazaka/\([^"]*\)","Test":"\([^"]*\)".*|\1.\2|p' "$results")
exit $status
