#!/bin/sh
# Runs HAProxy with the servers that units announce below a prefix of the key/value store, as confd would: the
# configuration is written anew at every change, and HAProxy takes it up without dropping a connection.
#
#   LISTEN='*:8080' follow-haproxy.sh /services/web/ haproxy.cfg.template
#
# The cluster is found as by any verb: FLOTILLA_DIR, or FLOTILLA_SERVER. Ends at SIGTERM, and when HAProxy has ended.
set -eu

prefix=$1
template=$2
flotilla=${FLOTILLA:-flotilla}
work=$(mktemp -d)
proxy=
watcher=
export LISTEN

clean_up() {
  for pid in $watcher $proxy; do kill "$pid" 2>/dev/null || :; done
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 143' TERM INT

# A key and its value are two lines: /services/web/1 and 10.0.0.7:32768.
servers() {
  awk 'NR % 2 { sub(/.*\//, ""); name = $0; next } { print "    server " name " " $0 " check inter 1s" }'
}

# Something that is no configuration (an announcement without a port, say) leaves the last good one in place.
render() {
  { cat "$template"; $flotilla kv get "$prefix" --prefix | servers; } > "$work/next.cfg"
  if haproxy -c -q -f "$work/next.cfg"; then mv "$work/next.cfg" "$work/haproxy.cfg"; fi
}

reload() {
  if [ -z "$proxy" ]; then
    haproxy -W -f "$work/haproxy.cfg" &
    proxy=$!
  else
    kill -USR2 "$proxy"
  fi
}

# A watch survives whatever happens to the stores. From the revision after the one before the rendering: nothing is missed.
mkfifo "$work/changes"
while :; do
  $flotilla kv get "$prefix" --prefix --count-only --json > "$work/before.json"
  revision=$(sed -n 's/.*"revision":\([0-9]*\).*/\1/p' "$work/before.json")
  render
  reload
  $flotilla kv watch "$prefix" --prefix --rev $((revision + 1)) --json > "$work/changes" &
  watcher=$!
  while read -r _; do
    render
    reload
  done < "$work/changes"
  sleep 1
done
