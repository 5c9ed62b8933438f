#!/bin/sh
# Installs what is missing, and nothing else: Debian packages, then a virtual environment in .venv
# for the very Python that Orthanc's plugin embeds, from locked versions with their hashes.
#
#   deploy/install.sh runtime    what the plugin and the demo need
#   deploy/install.sh viewer     that, and what OHIF beside Orthanc needs
#   deploy/install.sh dev        that, and what training, tests, linters and benchmarks need
#
# A second run finds the stamp of the first and ends at once.
set -eu
cd "$(dirname "$0")/.."

kind="${1:-runtime}"
packages="orthanc orthanc-python orthanc-dicomweb dcmtk dicom3tools
    python3 python3-venv ca-certificates"
# command:package, where the command may well come from elsewhere than Debian.
commands=
pins=runtime
case "$kind" in
    runtime) ;;
    viewer) commands="nginx:nginx-light node:nodejs npm:npm" ;;
    dev)
        commands="nginx:nginx-light node:nodejs npm:npm chromium:chromium strace:strace"
        packages="$packages fonts-dejavu-core postgresql orthanc-postgresql"
        pins=dev
        ;;
esac
lock="requirements/$pins.lock"
plugins="/usr/share/orthanc/plugins /usr/local/share/orthanc/plugins"
policy=/usr/sbin/policy-rc.d
# Beside an Orthanc of its own in /usr/local, Debian's would start at boot and take its ports.
local_root=/usr/local
own_orthanc=
if [ -e "$local_root/share/orthanc/plugins/libOrthancPython.so" ] &&
    { [ -x "$local_root/sbin/Orthanc" ] || [ -x "$local_root/bin/Orthanc" ]; }; then
    own_orthanc=yes
    plugins="$local_root/share/orthanc/plugins /usr/share/orthanc/plugins"
fi

say() { printf 'adjuvant: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

missing_packages() {
    for package in $packages; do
        case "$own_orthanc$package" in yesorthanc*) continue ;; esac
        state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" = installed ] || printf '%s ' "$package"
    done
    for pair in $commands; do
        command -v "${pair%%:*}" >/dev/null || [ -x "/usr/sbin/${pair%%:*}" ] ||
            printf '%s ' "${pair#*:}"
    done
}

install_packages() {
    [ "$(id -u)" -eq 0 ] || die "please install first, as root: apt-get install $1"
    say "installing Debian packages: $1"
    log=$(mktemp)
    # shellcheck disable=SC2086  # one word for each package
    if ! (hold_orthanc_back && apt_get update && apt_get install $1) >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "apt-get failed, its whole output is in $log"
    fi
    rm -f "$log"
    [ ! -d /run/systemd/system ] || [ -n "$own_orthanc" ] ||
        say "Debian's own service 'orthanc' (ports 8042 and 4242) was neither started nor stopped;" \
            "a new one starts at boot unless: systemctl disable orthanc"
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
        --no-install-recommends --no-upgrade "$@"
}

# Debian's package starts an Orthanc of its own on ports 8042 and 4242, and restarts a running one
# when a plugin is added; PostgreSQL's starts a server on port 5432, which the tests do not need. A
# policy in place is the administrator's and is obeyed as it is; without one, ours says "neither of
# them, not now" (Debian policy, 9.3.3) until the subshell that calls ends.
hold_orthanc_back() {
    [ ! -e "$policy" ] || return 0
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\ncase "${1%%.service}" in orthanc | postgresql*) exit 101 ;; esac\n' >"$policy"
    chmod 755 "$policy"
}

embedded_python() {
    for folder in $plugins; do
        library="$folder/libOrthancPython.so"
        [ -e "$library" ] || continue
        grep -ao 'libpython3\.[0-9]*' "$library" | head -n 1 | sed 's/^lib//'
        return
    done
}

make_environment() {
    # A link to nowhere is left where the system has a newer Python since.
    if [ -e .venv/bin/python ] || [ -L .venv/bin/python ]; then
        [ -x ".venv/bin/$1" ] || die ".venv has another Python than the $1 which Orthanc embeds:" \
            "run 'rm -r $(pwd)/.venv', then try again"
        return
    fi
    "/usr/bin/$1" -m venv .venv || die "cannot make a virtual environment; please install $1-venv"
}

install_python_packages() {
    quiet=--quiet
    [ -t 2 ] && quiet=
    say "installing Python packages of $lock into .venv (about 800 MB, some minutes)"
    # shellcheck disable=SC2086  # no word where not quiet
    .venv/bin/python -m pip install $quiet --disable-pip-version-check --no-input \
        --require-hashes -r "$lock" >&2 || die "pip could not install $lock, see above"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
        --no-deps --no-build-isolation --editable . >&2 || die "pip could not install adjuvant"
}

stamp_of() { printf '.venv/.adjuvant-%s-%s-%s' "$1" "$python" "$(
    cat "requirements/$1.lock" pyproject.toml | sha256sum | cut -c1-16)"; }

# The dev lock holds the runtime lock: whoever has the first needs not the second.
up_to_date() { [ -e "$(stamp_of "$pins")" ] || [ -e "$(stamp_of dev)" ]; }

case "$kind" in
    runtime | viewer | dev) ;;
    *) die "unknown kind of installation '$kind': runtime, viewer or dev" ;;
esac
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    missing=$(missing_packages)
    [ -z "$missing" ] || install_packages "$missing"
elif [ -z "$(embedded_python)" ]; then
    die "this is neither Debian nor Ubuntu: please install Orthanc with its Python and DICOMweb" \
        "plugins, DCMTK and dicom3tools, then try again"
fi
python=$(embedded_python)
[ -n "$python" ] || die "no libOrthancPython.so in $plugins: please install orthanc-python"
[ -x "/usr/bin/$python" ] || die "Orthanc embeds $python: please install it as /usr/bin/$python"
if ! up_to_date; then
    make_environment "$python"
    rm -f .venv/.adjuvant-* # also of the other kind: pip may change what it told of
    install_python_packages
    : >"$(stamp_of "$pins")"
fi
