#!/usr/bin/env bash
# A PostgreSQL of one's own, reached by a Unix socket: postgres.sh up | down
#
# `up` is idempotent (about 2 s the first time) and prints `NAME=value` lines:
#   HEDDLE_TEST_POSTGRES   connection string for `pg` (superuser, database `postgres`; make databases of your own)
# In a test: `const postgres = await requireComponent('postgres')` of ./components.ts gives them as `postgres.env`.
# By hand:   HEDDLE_COMPONENTS=/tmp/my-components ./postgres.sh up
. "$(dirname "$0")/lib.sh"
home=$COMPONENTS/postgres

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || bin=$(dirname "$(command -v initdb 2>/dev/null || echo /none/)")
[ -x "$bin/initdb" ] || [ "${1:-up}" != up ] || unavailable 'no PostgreSQL server on this machine (apt-get install postgresql)'

# The server refuses to be root. `cd /`, so that it can read where it stands.
as_owner() {
  if [ "$(id -u)" != 0 ]; then "$@"; return; fi
  local owner=nobody
  if id -u postgres >/dev/null 2>&1; then owner=postgres; fi
  mkdir -p "$home"; chown "$owner" "$home"
  (cd / && runuser -u "$owner" -- "$@")
}

case ${1:-up} in
  up)
    mkdir -p "$home"
    [ -s "$home/data/PG_VERSION" ] || as_owner "$bin/initdb" -D "$home/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >&2
    as_owner "$bin/pg_ctl" -D "$home/data" status >/dev/null 2>&1 ||
      as_owner "$bin/pg_ctl" -D "$home/data" -w -t 60 -l "$home/log" \
        -o "-k $home -c listen_addresses='' -c fsync=off -c max_connections=100" start >&2
    echo "HEDDLE_TEST_POSTGRES=postgres://postgres@/postgres?host=$home"
    ;;
  down)
    if [ -s "$home/data/postmaster.pid" ]; then as_owner "$bin/pg_ctl" -D "$home/data" -m immediate -w stop >&2; fi
    ;;
esac
