#!/bin/sh
# Builds the Go clients of the compatibility suites from the module versions that tests/compat/go/go.sum pins. Needs Go 1.21 or
# later, which fetches the toolchain that go.mod names where its own is older. Nothing changed: nothing happens.
#
# STRONGROOM_CACHE  where the programs and the module cache go, under compat-go/ (default: .cache in the project root)
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
target="${STRONGROOM_CACHE:-$root/.cache}/compat-go"
export GOPATH="$target/path" GOCACHE="$target/build" GOFLAGS='-modcacherw -mod=readonly -buildvcs=false'

if ! command -v go >/dev/null 2>&1; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "There is no Go here. Install Go 1.21 or later, as root for example: apt-get install golang-go" >&2
    exit 1
  fi
  apt-get update >/dev/null && apt-get install --yes --no-install-recommends golang-go >/dev/null
fi
# Names under .localhost are resolved through the C library, which Go asks only where a C compiler was there to link it.
if ! command -v gcc >/dev/null 2>&1 && ! command -v cc >/dev/null 2>&1; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "There is no C compiler here. Run as root: apt-get install gcc libc6-dev" >&2
    exit 1
  fi
  apt-get update >/dev/null && apt-get install --yes --no-install-recommends gcc libc6-dev >/dev/null
fi
version=$(go env GOVERSION)
case "$version" in
  go1.[0-9] | go1.[0-9].* | go1.1[0-9] | go1.1[0-9].* | go1.20 | go1.20.*)
    echo "Go $version is too old to fetch the toolchain that tests/compat/go/go.mod names: install Go 1.21 or later" >&2
    exit 1
    ;;
esac
cd "$root/tests/compat/go"
CGO_ENABLED=1 go build -o "$target/read-secret" .
CGO_ENABLED=1 go build -o "$target/use-keys" ./keys
CGO_ENABLED=1 go build -o "$target/release-keys" ./release
CGO_ENABLED=1 go build -o "$target/use-certificates" ./certificates
