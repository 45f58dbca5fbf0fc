#!/bin/sh
# Builds Let's Encrypt's ACME test server, pebble, and its challenge test server, for the suite `issuers`. Needs Go 1.21 or
# later; tests/compat/install-go.sh brings it. Also BIND, whose name server and nsupdate prove DNS challenges. Nothing changed: nothing happens.
#
# STRONGROOM_CACHE  where the programs and the module cache go, under pebble/ (default: .cache in the project root)
set -eu

version=v2.10.1
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
target="${STRONGROOM_CACHE:-$root/.cache}/pebble"
if [ ! -x "$target/$version/pebble-challtestsrv" ]; then
  module=github.com/letsencrypt/pebble/v2
  GOPATH="$target/path" GOCACHE="$target/build" GOFLAGS=-modcacherw GOBIN="$target/$version" \
    go install "$module/cmd/pebble@$version" "$module/cmd/pebble-challtestsrv@$version"
fi
if ! [ -x /usr/sbin/named ] || ! [ -x /usr/bin/nsupdate ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "There is no BIND here. Run as root: apt-get install bind9 bind9-dnsutils" >&2
    exit 1
  fi
  packages="bind9 bind9-dnsutils"
  # shellcheck disable=SC2086
  apt-get install --yes --no-install-recommends $packages >/dev/null 2>&1 ||
    { apt-get update >/dev/null && apt-get install --yes --no-install-recommends $packages >/dev/null; }
fi
