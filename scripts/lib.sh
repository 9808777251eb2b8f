# Sourced by the other scripts: where things are, and how to speak. Not a program.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
shared=${SINTER_SHARED:-$root/../shared}  # models and data that may lie beside the repository; nothing may depend on it
cache=$root/.cache                        # ignored by git: what scripts fetch and can fetch again

die() { echo "$(basename "$0"): $*" >&2; exit 1; }
usage_error() { echo "$(basename "$0"): $* (try --help)" >&2; exit 2; }

# Prints the comment block at the head of the calling script: its help text.
show_help() { awk 'NR > 1 { if ($0 !~ /^#/) exit; sub(/^# ?/, ""); print }' "$0"; }

# The distribution's python3 has the distribution's numpy; another one on PATH may have none.
if [ -x /usr/bin/python3 ]; then python=/usr/bin/python3; else python=$(command -v python3 || true); fi

jobs=${SINTER_JOBS:-$(nproc)}
have() { command -v "$1" >/dev/null 2>&1; }
