#!/bin/sh
# Makes .venv with a Python >= 3.11 and the tools of the dependency groups named as arguments.
# Says in one line what is missing and the command that installs it. Set PYTHON to choose the interpreter.
set -eu
cd "$(dirname "$0")/.."

die() {
    echo "error: $1" >&2
    shift
    for line in "$@"; do echo "  $line" >&2; done
    exit 1
}

# install_hint DEBIAN MACOS OTHER: the command for this system.
install_hint() {
    if command -v apt-get >/dev/null 2>&1; then echo "sudo apt-get install -y $1"
    elif [ "$(uname -s)" = Darwin ]; then echo "$2"
    elif command -v dnf >/dev/null 2>&1; then echo "sudo dnf install -y $3"
    else echo "install $3 with this system's package manager"; fi
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11) or sys.implementation.name != "cpython")' >/dev/null 2>&1
}

if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if new_enough "$candidate"; then python=$candidate; break; fi
    done
    [ -n "$python" ] || die "CPython >= 3.11 was not found" \
        "$(install_hint 'python3 python3-venv' 'brew install python@3.13' 'python3.11')" \
        "or name one: make PYTHON=/path/to/python3.11"
    rm -rf .venv
    "$python" -m venv .venv >/dev/null 2>&1 || {
        rm -rf .venv
        die "$python cannot make a virtual environment" \
            "$(install_hint "python3-venv" 'brew install python@3.13' 'python3')"
    }
    # Dependency groups need pip >= 25.1.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
fi

command -v "${CC:-cc}" >/dev/null 2>&1 || die "a C linker (cc) was not found; Rust links with it" \
    "$(install_hint 'gcc libc6-dev' 'xcode-select --install' 'gcc')"

groups=
for group in "$@"; do groups="$groups --group $group"; done
# shellcheck disable=SC2086
[ -z "$groups" ] || .venv/bin/python -m pip install --quiet --disable-pip-version-check $groups
