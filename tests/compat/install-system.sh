#!/bin/sh
# Makes every name under .localhost resolve to the loopback addresses for programs that ask the C library (Python, and so
# the Azure CLI). Debian's own resolver module for that is libnss-myhostname. Needs root the first time; afterwards nothing happens.
set -eu

resolves() {
  getent ahosts strongroom-check.vault.localhost >/dev/null 2>&1
}

if resolves; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "Names under .localhost do not resolve here. Run as root: apt-get install libnss-myhostname" >&2
  exit 1
fi
apt-get install --yes --no-install-recommends libnss-myhostname >/dev/null 2>&1 ||
  { apt-get update >/dev/null && apt-get install --yes --no-install-recommends libnss-myhostname >/dev/null; }
if ! resolves; then
  echo "libnss-myhostname is installed but names under .localhost still do not resolve: add myhostname to the hosts line of /etc/nsswitch.conf" >&2
  exit 1
fi
