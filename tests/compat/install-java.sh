#!/bin/sh
# Builds the Java clients of the compatibility suites with the library versions that tests/compat/java/pom.xml pins. Needs a JDK
# of version 17 or later and Maven; where they are missing it installs Debian's. Nothing changed: nothing happens.
#
# STRONGROOM_CACHE  where classes, libraries and Maven's repository go, under compat-java/ (default: .cache in the project root)
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
target="${STRONGROOM_CACHE:-$root/.cache}/compat-java"
sources="$root/tests/compat/java"

if ! command -v javac >/dev/null 2>&1 || ! command -v mvn >/dev/null 2>&1; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "There is no JDK or no Maven here. Run as root: apt-get install default-jdk-headless maven" >&2
    exit 1
  fi
  apt-get update >/dev/null && apt-get install --yes --no-install-recommends default-jdk-headless maven >/dev/null
fi

wanted="$(java -version 2>&1 | cksum) $(cat "$sources/pom.xml" "$sources"/src/main/java/*.java | cksum)"
if [ -f "$target/installed" ] && [ "$(cat "$target/installed")" = "$wanted" ]; then
  exit 0
fi
rm -rf "$target/installed" "$target/build"
mkdir -p "$target"
mvn --batch-mode --quiet --file "$sources/pom.xml" "-Dmaven.repo.local=$target/repository" "-Dstrongroom.build=$target/build" \
  compile dependency:copy-dependencies
printf '%s' "$wanted" >"$target/installed"
