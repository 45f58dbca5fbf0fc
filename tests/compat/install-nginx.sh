#!/bin/sh
# Brings what `strongroom certificates sync` writes for: nginx, HAProxy, keytool, and curl and openssl to ask them. Needs root the first
# time; afterwards nothing happens.
set -eu

missing=""
command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ] || missing="$missing nginx-light"
command -v haproxy >/dev/null 2>&1 || [ -x /usr/sbin/haproxy ] || missing="$missing haproxy"
command -v keytool >/dev/null 2>&1 || missing="$missing default-jre-headless"
command -v curl >/dev/null 2>&1 || missing="$missing curl"
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
if [ -z "$missing" ]; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "Missing here. Run as root: apt-get install$missing" >&2
  exit 1
fi
# shellcheck disable=SC2086
apt-get install --yes --no-install-recommends $missing >/dev/null 2>&1 ||
  { apt-get update >/dev/null && apt-get install --yes --no-install-recommends $missing >/dev/null; }
