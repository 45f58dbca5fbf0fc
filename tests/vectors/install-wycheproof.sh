#!/bin/sh
# Brings the vectors of the Wycheproof project, by the version and the hash below, through the go command (tests/compat/install-go.sh
# brings that). Nothing is built. Done already: nothing happens.
#
# STRONGROOM_CACHE  where they go, under wycheproof/ (default: .cache in the project root)
set -eu

module=github.com/c2sp/wycheproof
version=v0.0.0-20260902155932-3fa63dd0344a
sum=h1:pNbL2nztRsWfW/ispAwsvcDFxs9Id38uIsR2/Up5G2c=

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
target="${STRONGROOM_CACHE:-$root/.cache}/wycheproof"
if [ -f "$target/installed" ] && [ "$(cat "$target/installed")" = "$version $sum" ]; then
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export GOPATH="$work/path" GOFLAGS=-modcacherw GOTOOLCHAIN=local
go mod download -json "$module@$version" >answer.json
if ! grep -q "\"Sum\": \"$sum\"" answer.json; then
  echo "The module $module@$version is not the one that was looked at: its hash is another." >&2
  exit 1
fi
rm -rf "$target"
mkdir -p "$target"
cp -R "$work/path/pkg/mod/$module@$version/testvectors_v1" "$work/path/pkg/mod/$module@$version/LICENSE" "$target"
printf '%s' "$version $sum" >"$target/installed"
