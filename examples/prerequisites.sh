# Sourced by the scripts that build sluice: finds what a build needs and installs what is missing, saying so first.

# Stops with a hint where there is no Swift toolchain.
require_swift() {
    command -v swift >/dev/null && return
    echo "error: no Swift toolchain on PATH; install Swift 6.3 or newer from swift.org/install" >&2
    exit 2
}

# install_missing PACKAGE:HEADER ...: installs each Debian package whose header is not there.
install_missing() {
    local missing=() entry header
    for entry in "$@"; do
        header="${entry#*:}"
        find /usr/include /usr/local/include -maxdepth 2 -name "$header" 2>/dev/null | grep -q . || missing+=("${entry%%:*}")
    done
    [ ${#missing[@]} -eq 0 ] && return
    if ! command -v apt-get >/dev/null; then
        echo "error: please install these libraries with their headers first: ${missing[*]}" >&2
        exit 2
    fi
    local root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    echo "==> installing with apt-get: ${missing[*]}"
    "${root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

# Installs PgBouncer where it is missing: tests load through a private one.
require_pgbouncer() {
    PATH="$PATH:/usr/sbin" command -v pgbouncer >/dev/null && return
    if ! command -v apt-get >/dev/null; then
        echo "note: without pgbouncer the tests that load through it are skipped"
        return
    fi
    local root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    echo "==> installing with apt-get: pgbouncer (tests start a private one; the system's own is left alone)"
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends pgbouncer
}

# Installs the PostgreSQL server where none is found: tests start a private one.
require_postgres_server() {
    command -v initdb >/dev/null && return
    compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null && return
    if ! command -v apt-get >/dev/null; then
        echo "error: please install a PostgreSQL server first; its initdb must be on PATH" >&2
        exit 2
    fi
    local root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    echo "==> installing with apt-get: postgresql (tests start a private server; the system's own is left alone)"
    "${root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends postgresql
}
