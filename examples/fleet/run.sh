#!/usr/bin/env bash
# A fleet on this machine, on loopback alone: NATS, two registries, a coordinator and its standby, four
# workers in two regions. It mirrors 200 tags; meanwhile a worker and the leader are killed.
#
#   examples/fleet/run.sh
#
# Needs what the README's "Try it" and "Test it" need (Rust, a C compiler, Go) and Python 3. What is not built yet
# is built first; FLEET_PROGRAM names a flux-mirror that is there, TEST_SERVERS a folder of built servers.
# Everything it starts ends with it, and what it writes is in a temporary folder that goes too.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
servers=${TEST_SERVERS:-$root/target/test-servers}
program=${FLEET_PROGRAM:-}

# Tags that are mirrored at least when the worker, and then the leader, is killed.
readonly TAGS=200 WORKER_DIES=40 LEADER_DIES=100
# Seconds that anything may take: twice what the slowest part, a new leader, takes on a busy machine.
readonly PATIENCE=120

# Nothing of whoever calls is for this fleet.
for name in "${!FLUX_MIRROR_@}"; do unset "$name"; done

folder=$(mktemp -d "${TMPDIR:-/tmp}/fleet.XXXXXX")
export DOCKER_CONFIG=$folder
started=()

finish() {
  local code=$?
  trap - EXIT INT TERM
  if [ "${#started[@]}" -gt 0 ]; then
    kill -KILL "${started[@]}" 2>/dev/null || true
    wait "${started[@]}" 2>/dev/null || true
  fi
  if [ "$code" -ne 0 ]; then
    for log in "$folder"/*.log; do
      [ -s "$log" ] || continue
      echo "--- ${log##*/}" >&2
      tail -n 20 "$log" >&2
    done
  fi
  rm -rf "$folder"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  echo "✗ $*" >&2
  exit 1
}

# start NAME COMMAND...: in the background, with a log of that name; its id is in $last.
start() {
  local name=$1
  shift
  "$@" >"$folder/$name.log" 2>&1 &
  last=$!
  started+=("$last")
}

# end_by_force PID: as a machine does that loses its power.
end_by_force() {
  kill -KILL "$1"
  wait "$1" 2>/dev/null || true
}

# until_true WHAT COMMAND...: waits for something that must come.
until_true() {
  local what=$1 latest=$((SECONDS + PATIENCE))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$latest" ] || fail "$what: not within $PATIENCE s"
    sleep 0.05
  done
}

answers() { python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", sys.argv[1]), 1)' "$1" 2>/dev/null; }
mirrored() { grep -c '^→' "$folder/lines" 2>/dev/null || true; }
are_mirrored() { [ "$(mirrored)" -ge "$1" ] || ! kill -0 "$sync" 2>/dev/null; }

# 1. The programs.
command -v python3 >/dev/null || fail "python3 is not here"
if [ -z "$program" ]; then
  (cd "$root" && cargo build --quiet --package flux-mirror)
  program=${CARGO_TARGET_DIR:-$root/target}/debug/flux-mirror
fi
for server in nats-server registry; do
  [ -x "$servers/$server" ] || sh "$root/tests/servers/build.sh" "$servers" core
done
read -r nats eu us first second < <(python3 -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
print(*(one.getsockname()[1] for one in held))')

# 2. NATS, and two registries, one for each region, with 100 tags each.
# By itself a server gives its streams no more than three quarters of what is free on the disk; none of it is taken
# before it is written.
printf 'jetstream { store_dir: "%s", max_file_store: 64GB }\n' "$folder/nats" >"$folder/nats.conf"
start nats "$servers/nats-server" -a 127.0.0.1 -p "$nats" -c "$folder/nats.conf"
for region in eu us; do
  start "registry-$region" env OTEL_TRACES_EXPORTER=none \
    REGISTRY_HTTP_ADDR="127.0.0.1:${!region}" \
    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$folder/registry-$region" \
    "$servers/registry" serve "$root/tests/servers/registry.yml"
done
for port in "$nats" "$eu" "$us"; do until_true "port $port" answers "$port"; done
python3 "$here/make-content.py" "$folder/content" app api tool job

# entry SOURCE DESTINATION: all tags of one into the other.
entry() { printf -- '- {source: "%s", destination: "%s", selector: {semver: ">=1.0.0", limit: 0}}\n' "$1" "$2"; }
config() { printf 'apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n'; }
{
  config
  for name in app api; do entry "oci-layout://content/$name" "127.0.0.1:$us/$name"; done
  for name in tool job; do entry "oci-layout://content/$name" "127.0.0.1:$eu/$name"; done
} >"$folder/seed.yaml"
{
  config
  for name in app api; do entry "127.0.0.1:$us/$name" "127.0.0.1:$eu/mirror/$name"; done
  for name in tool job; do entry "127.0.0.1:$eu/$name" "127.0.0.1:$us/mirror/$name"; done
} >"$folder/mirror.yaml"
"$program" sync "$folder/seed.yaml" --no-progress >"$folder/seed.log" 2>&1 || fail "the registries take no content"
rm -rf "$folder/content"
echo "registries    eu 127.0.0.1:$eu, us 127.0.0.1:$us: 100 tags each, which the other is to have"

# 3. The fleet.
coordinators=http://127.0.0.1:$first,http://127.0.0.1:$second
regions=127.0.0.1:$eu=eu,127.0.0.1:$us=us
start coordinator-1 "$program" coordinator --nats "nats://127.0.0.1:$nats" --listen "127.0.0.1:$first" --region-for "$regions"
leader=$last
"$program" runs list --coordinator "http://127.0.0.1:$first" >"$folder/runs.log" 2>&1 || fail "nobody leads"
start coordinator-2 "$program" coordinator --nats "nats://127.0.0.1:$nats" --listen "127.0.0.1:$second" --region-for "$regions"
echo "coordinators  127.0.0.1:$first leads, 127.0.0.1:$second stands by"
for worker in eu-1 eu-2 us-1 us-2; do
  start "worker-$worker" "$program" worker --nats "nats://127.0.0.1:$nats" --coordinator "$coordinators" \
    --region "${worker%-*}" --concurrency 2
  victim=${victim:-$last}
done
echo "workers       two in eu, two in us, two tags at once each"

# 4. The run.
echo "\$ flux-mirror sync mirror.yaml --coordinator $coordinators"
"$program" sync "$folder/mirror.yaml" --coordinator "$coordinators" --no-progress >"$folder/lines" 2>"$folder/sync.log" &
sync=$!
started+=("$sync")
until_true "$WORKER_DIES tags" are_mirrored "$WORKER_DIES"
end_by_force "$victim"
echo "  $(mirrored) tags mirrored: worker eu-1 is killed"
until_true "$LEADER_DIES tags" are_mirrored "$LEADER_DIES"
kill -0 "$sync" 2>/dev/null || fail "the run had ended before the leader was killed"
end_by_force "$leader"
killed=$SECONDS
stood=$(mirrored)
echo "  $stood tags mirrored: the leader is killed; no name is written until the standby leads"
until_true "more tags" are_mirrored "$((stood + 1))"
echo "  $((SECONDS - killed)) s later it does, and goes on where the log ends"
code=0
wait "$sync" || code=$?
tail -n 1 "$folder/lines"
echo "exit code     $code"
[ "$code" -eq 0 ] || fail "the run failed"

# 5. The report, as another process gets it, and what the registries hold, as a run without a fleet sees it.
run=$(sed -n 's/^run \([0-9A-Z]*\):.*/\1/p' "$folder/sync.log" | head -n 1)
"$program" runs watch "$run" --coordinator "http://127.0.0.1:$second" -o json >"$folder/report.json"
python3 - "$folder/report.json" "$TAGS" <<'PYTHON'
import collections
import json
import sys

report, tags = json.load(open(sys.argv[1]))["report"], int(sys.argv[2])
rows = [(entry["destination"], tag["tag"], tag["status"]) for entry in report["results"] for tag in entry["tags"]]
names = {row[:2] for row in rows}
counted = ", ".join(f"{count} {status}" for status, count in collections.Counter(row[2] for row in rows).items())
print(f"report        {len(rows)} rows for {len(names)} tags: {counted}")
sys.exit(0 if len(rows) == len(names) == tags else 1)
PYTHON
"$program" sync "$folder/mirror.yaml" --dry-run --no-progress >"$folder/after.log" 2>&1 || fail "the registries do not hold it all"
echo "a dry run     $(tail -n 1 "$folder/after.log")"
grep -q "^Summary: $TAGS skipped in" "$folder/after.log" || fail "the registries do not hold it all"
