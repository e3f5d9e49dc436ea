#!/bin/sh
# Runs a command with cargo on its PATH and .venv active: the user's own cargo where there is one, else a minimal Rust
# that puccinialin puts into its cache folder (it changes no PATH and no shell profile).
set -eu
cd "$(dirname "$0")/.."

if ! command -v cargo >/dev/null 2>&1; then
    if [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    else
        [ -f .venv/rust.json ] || {
            echo "cargo was not found: fetching a minimal Rust toolchain for this project" >&2
            .venv/bin/python -m pip install --quiet --disable-pip-version-check puccinialin
            .venv/bin/python -m puccinialin --info-json .venv/rust.json >/dev/null || {
                rm -f .venv/rust.json
                echo "error: Rust could not be installed; get it from https://rustup.rs and run again" >&2
                exit 1
            }
        }
        # Lines NAME=value, without PATH's tail, which may have changed since.
        eval "$(.venv/bin/python - <<'PY'
import json, os, shlex
env = json.load(open(".venv/rust.json"))["env"]
for name in ("RUSTUP_HOME", "CARGO_HOME"):
    print(f"export {name}={shlex.quote(env[name])}")
print(f"PATH={shlex.quote(os.path.join(env['CARGO_HOME'], 'bin'))}:$PATH")
PY
)"
    fi
fi
PATH="$PWD/.venv/bin:$PATH"
VIRTUAL_ENV="$PWD/.venv"
export PATH VIRTUAL_ENV
exec "$@"
