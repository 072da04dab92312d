# shellcheck shell=bash
# A throw-away PostgreSQL in $work, for the other scripts.

postgres_is_installed() { ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; }

# Debian packages.
apt_install() {
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@"
}

# PostgreSQL refuses to run as root.
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

# Takes further settings, like `-c fsync=off`; without any it is as durable as PostgreSQL is by itself. Sets
# postgres_bin and postgres_url.
start_postgres() {
  postgres_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
  mkdir -p "$work/postgres"
  chmod 755 "$work"
  if [ "$(id -u)" = 0 ]; then chown postgres "$work/postgres"; fi
  as_postgres "$postgres_bin/initdb" -D "$work/postgres/data" -U postgres -A trust >/dev/null
  local attempt port
  for attempt in 1 2 3; do # another process may take the port first
    port=$((RANDOM % 20000 + 20000))
    if as_postgres "$postgres_bin/pg_ctl" -D "$work/postgres/data" -l "$work/postgres/log" -w \
      -o "-p $port -c listen_addresses=127.0.0.1 -c max_connections=500 -c shared_buffers=256MB -c unix_socket_directories=$work/postgres $*" \
      start >/dev/null; then
      postgres_url="postgres://postgres@127.0.0.1:$port"
      return
    fi
  done
  cat "$work/postgres/log" >&2
  return 1
}

stop_postgres() {
  [ -n "${postgres_bin:-}" ] || return 0
  as_postgres "$postgres_bin/pg_ctl" -D "$work/postgres/data" -m immediate stop >/dev/null 2>&1 || true
}
