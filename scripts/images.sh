#!/bin/sh
# Builds the images of the tests and the demo without a registry, from Debian packages, with `docker import`.
# Nothing is installed into the system; root is not needed, access to the Docker engine is.
set -eu

usage() {
  cat <<'TEXT'
Usage: scripts/images.sh [--force] [busybox|notify|redis|nginx|postgres|all]

  busybox   flotilla/busybox, a static busybox with all its commands
  notify    flotilla/notify, busybox and systemd's systemd-notify
  redis     dockerfile/redis, a Redis server and redis-cli
  nginx     flotilla/nginx, a web server on port 80, for the examples
  postgres  flotilla/postgres, a PostgreSQL server and its clients, for the examples
  all       busybox and redis (the default)

An image that is already there is kept unless --force is given.
TEXT
}

say() { printf 'images: %s\n' "$*"; }

fail() {
  printf 'images: %s\n' "$*" >&2
  exit 1
}

need() {
  command -v "$1" >/dev/null 2>&1 || fail "$1 is needed and not here; $2"
}

# Fetches packages of the configured Debian mirror into the work directory and unpacks them into $1.
unpack_packages() {
  tree=$1
  shift
  say "fetching from the Debian mirror: $*"
  mkdir -p "$work/packages"
  (cd "$work/packages" && apt-get download "$@" >"$work/apt.log" 2>&1) || {
    cat "$work/apt.log" >&2
    fail "apt-get could not download it; are the package lists there (apt-get update) and the mirror reachable?"
  }
  for package in "$work/packages"/*.deb; do
    dpkg-deb -x "$package" "$tree" || fail "$package cannot be unpacked"
  done
  rm -r "$work/packages"
}

# The real packages that these depend on directly.
dependencies_of() {
  apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$@" |
    sed -n 's/^ *|*Depends: \([a-z0-9][a-z0-9.+-]*\)$/\1/p'
}

import_image() {
  name=$1
  root=$2
  shift 2
  say "importing $name"
  tar -C "$root" --numeric-owner --owner=0 --group=0 -c . | docker import "$@" - "$name" >/dev/null ||
    fail "the Docker engine did not take $name"
  say "$name is there"
}

is_there() {
  [ "$force" = no ] && docker image inspect "$1" >/dev/null 2>&1
}

make_skeleton() {
  mkdir -p "$1/bin" "$1/dev" "$1/etc" "$1/proc" "$1/root" "$1/sys" "$1/tmp" "$1/var"
  chmod 1777 "$1/tmp"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$1/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$1/etc/group"
}

add_busybox() {
  unpack_packages "$work/busybox-package" busybox-static
  cp "$(find "$work/busybox-package" -type f -path '*bin/busybox')" "$1/bin/busybox"
  for command in $("$1/bin/busybox" --list); do
    [ -e "$1/bin/$command" ] || ln -s busybox "$1/bin/$command"
  done
}

build_busybox() {
  is_there flotilla/busybox && say "flotilla/busybox is there already" && return
  root=$work/busybox
  make_skeleton "$root"
  add_busybox "$root"
  import_image flotilla/busybox "$root" -c 'CMD ["sh"]' -c 'ENV PATH=/bin'
}

build_notify() {
  is_there flotilla/notify && say "flotilla/notify is there already" && return
  begin_image notify systemd
  add_program "$tree" bin/systemd-notify "$root"
  add_busybox "$root"
  import_image flotilla/notify "$root" -c 'ENV PATH=/bin LD_LIBRARY_PATH=/lib'
}

# Copies a program of an unpacked tree into the image, and the shared libraries that the tree holds for it.
add_program() {
  tree=$1
  program=$2
  root=$3
  libraries=$("$loader" --library-path "$library_path" --list "$tree/$program") || fail "$program: $libraries"
  mkdir -p "$root/$(dirname "$program")"
  cp "$tree/$program" "$root/$program"
  for library in $(printf '%s\n' "$libraries" | awk '$2 == "=>" { print $3 }'); do
    case $library in
    "$tree"/*) cp -L "$library" "$root/lib/" ;;
    *) fail "$program needs $library, which is in none of the packages" ;;
    esac
  done
}

# These packages and, over all levels, those of the libraries they need; what else they depend on is for installing.
with_libraries() {
  known=$*
  while :; do
    # One word for each package.
    # shellcheck disable=SC2086
    needed=$({ printf '%s\n' $known; dependencies_of $known | grep -E '^(lib|zlib)' | grep -v '^libllvm'; } | sort -u | tr '\n' ' ')
    [ "$needed" = "$known" ] && break
    known=$needed
  done
  printf '%s\n' "$known"
}

# Unpacks packages and their libraries into $tree, and begins an image in $root that can run their programs.
begin_image() {
  tree=$work/$1-packages
  root=$work/$1
  shift
  # One word for each package.
  # shellcheck disable=SC2046
  unpack_packages "$tree" $(with_libraries "$@")
  loaders=$(find "$tree" -name 'ld-linux*.so*')
  loader=$(printf '%s' "$loaders" | head -n 1)
  [ -n "$loader" ] || fail "there is no dynamic loader in the packages of $1"
  library_path=$(find "$tree" -name '*.so*' -exec dirname {} \; | sort -u | paste -sd:)
  make_skeleton "$root"
  mkdir -p "$root/usr/bin" "$root/lib"
  # Programs name it by a path that may be a link.
  for loader in $loaders; do
    mkdir -p "$root$(dirname "${loader#"$tree"}")"
    cp -L "$loader" "$root${loader#"$tree"}"
  done
}

build_redis() {
  is_there dockerfile/redis && say "dockerfile/redis is there already" && return
  begin_image redis redis-server redis-tools
  mkdir -p "$root/data"
  for program in redis-server redis-cli; do add_program "$tree" "usr/bin/$program" "$root"; done
  # Health checks want a shell.
  add_busybox "$root"
  import_image dockerfile/redis "$root" -c 'WORKDIR /data' -c 'EXPOSE 6379' -c 'ENV PATH=/usr/bin:/bin LD_LIBRARY_PATH=/lib' \
    -c 'CMD ["redis-server", "--protected-mode", "no"]'
}

build_nginx() {
  is_there flotilla/nginx && say "flotilla/nginx is there already" && return
  begin_image nginx nginx
  mkdir -p "$root/etc/nginx" "$root/srv" "$root/run" "$root/var/log/nginx" "$root/var/lib/nginx"
  add_program "$tree" usr/sbin/nginx "$root"
  add_busybox "$root"
  echo 'it works' >"$root/srv/index.html"
  cat >"$root/etc/nginx/nginx.conf" <<'TEXT'
user nobody nogroup;
daemon off;
error_log stderr;
events {}
http {
  access_log /dev/stdout;
  server {
    listen 80;
    root /srv;
  }
}
TEXT
  import_image flotilla/nginx "$root" -c 'EXPOSE 80' -c 'ENV PATH=/bin:/usr/sbin LD_LIBRARY_PATH=/lib' \
    -c 'CMD ["nginx"]'
}

# The server wants to own its data: the image has a user for it, and a directory that a volume takes over.
build_postgres() {
  is_there flotilla/postgres && say "flotilla/postgres is there already" && return
  server=$(dependencies_of postgresql | grep -E '^postgresql-[0-9]+$' | head -n 1)
  [ -n "$server" ] || fail 'Debian has no package postgresql here'
  version=${server#postgresql-}
  begin_image postgres "$server" "postgresql-client-$version"
  echo 'postgres:x:70:70::/var/lib/postgresql:/bin/sh' >>"$root/etc/passwd"
  echo 'postgres:x:70:' >>"$root/etc/group"
  mkdir -p "$root/usr/share" "$root/run/postgresql" "$root/var/run/postgresql" "$root/var/lib/postgresql"
  chmod 1777 "$root/run/postgresql" "$root/var/run/postgresql" "$root/var/lib/postgresql"
  for program in postgres initdb psql pg_dump pg_isready; do
    add_program "$tree" "usr/lib/postgresql/$version/bin/$program" "$root"
  done
  cp -r "$tree/usr/share/postgresql" "$root/usr/share/"
  cp -r "$tree/usr/lib/postgresql/$version/lib" "$root/usr/lib/postgresql/$version/"
  # It compiles queries by LLVM, which is larger than all the rest.
  rm -rf "$root/usr/lib/postgresql/$version/lib/bitcode" "$root/usr/lib/postgresql/$version/lib"/llvmjit*
  add_busybox "$root"
  cat >"$root/usr/bin/start-postgres" <<'TEXT'
#!/bin/sh
set -eu
[ -s "$PGDATA/PG_VERSION" ] || initdb --locale=C --encoding=UTF8 --auth=trust --no-sync
exec postgres -c "listen_addresses=*" "$@"
TEXT
  chmod 755 "$root/usr/bin/start-postgres"
  import_image flotilla/postgres "$root" -c 'EXPOSE 5432' -c 'USER postgres' \
    -c "ENV PATH=/bin:/usr/bin:/usr/lib/postgresql/$version/bin LD_LIBRARY_PATH=/lib PGDATA=/var/lib/postgresql/data" \
    -c 'CMD ["start-postgres"]'
}

force=no
wanted=all
for argument; do
  case $argument in
  --force) force=yes ;;
  busybox | notify | redis | nginx | postgres | all) wanted=$argument ;;
  -h | --help) usage && exit 0 ;;
  *) usage >&2 && exit 2 ;;
  esac
done

need docker 'install Docker (Debian: docker.io)'
need apt-get 'this script takes its programs from Debian packages'
need dpkg-deb 'it comes with the package dpkg'
docker version >/dev/null 2>&1 || fail 'the Docker engine does not answer; does it run, and are you in the group docker?'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
# A package fetched by root is handed to apt's own user for checking, who has to get in here.
chmod -R 755 "$work"

case $wanted in
busybox) build_busybox ;;
notify) build_notify ;;
redis) build_redis ;;
nginx) build_nginx ;;
postgres) build_postgres ;;
all)
  build_busybox
  build_redis
  ;;
esac
