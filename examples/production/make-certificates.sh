#!/bin/sh
# make-certificates.sh HOST…: an authority of the cluster's own, and a certificate for each host (a name that the others
# resolve, or an address), valid for ten years, in the current directory: ca.pem for everybody, HOST.pem and HOST.key for
# that host, and ca.key, which signs further hosts later and belongs on none of them.
set -eu
umask 077
[ $# -gt 0 ] || { echo "usage: $0 HOST…" >&2; exit 2; }
if [ ! -e ca.key ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=flotilla-ca \
    -keyout ca.key -out ca.pem 2>/dev/null
fi
for host in "$@"; do
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$host" \
    -keyout "$host.key" -out "$host.csr" 2>/dev/null
  case $host in
  *:*) kind=IP ;;
  *[!0-9.]*) kind=DNS ;;
  *) kind=IP ;;
  esac
  printf 'subjectAltName=%s:%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$kind" "$host" >"$host.ext"
  openssl x509 -req -in "$host.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile "$host.ext" \
    -out "$host.pem" 2>/dev/null
  rm "$host.csr" "$host.ext"
  chmod 644 "$host.pem"
done
chmod 644 ca.pem
