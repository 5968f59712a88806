#!/usr/bin/env bash
# blit against cp, rsync, rclone, tar and C, in RAM, on tmpfs and (as root) ext4, xfs, btrfs and slow
# FUSE: finds a Python that has blit, passes every argument on, and renders docs/performance.md.
#   scripts/bench_local_mirror.sh [--places tmpfs,ext4] [--only small,unchanged] [--rounds 5] ...
#   scripts/bench_local_mirror.sh --help
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

has_blit() { "$1" -P -c 'import anyio, blit.cli' 2>/dev/null; } # -P: not the folder we stand in

if [[ -n ${PYTHON:-} ]]; then
    candidates=("$PYTHON")
else
    candidates=(./.venv/bin/python "$root/.venv/bin/python" python3)
fi

for python in "${candidates[@]}"; do
    if has_blit "$python"; then
        exec "$python" "$root/benchmarks/local_mirror.py" "$@"
    fi
done

echo "bench_local_mirror: no Python with blit installed among: ${candidates[*]}" >&2
echo "  python3 -m venv .venv && .venv/bin/pip install -e .   or   PYTHON=/path/to/python $0" >&2
exit 2
