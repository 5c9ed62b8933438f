#!/bin/sh
# Copies what an Orthanc needs to a folder of its own and installs the packages there:
#
#   deploy/install-to.sh /opt/adjuvant
#
# A second run upgrades: the plugin is replaced as a whole, once its packages are there. Models are
# only added: those that people released there stay.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'adjuvant: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

prefix="${1:-}"
case "$prefix" in
    '') die "please say where: make install PREFIX=/opt/adjuvant" ;;
    /*) ;;
    *) die "PREFIX has to be an absolute path, got '$prefix'" ;;
esac
umask 022 # whoever runs Orthanc has to read it
mkdir -p "$prefix" || die "cannot make $prefix"
[ "$(cd "$prefix" && pwd -P)" != "$(pwd -P)" ] || die "PREFIX is this folder: run 'make setup'"

# Paths below this folder to the same paths below another one.
copy() {
    to="$1"
    shift
    # No pipe: sh does not tell that its first command failed.
    tar -cf "$new/archive" --exclude=__pycache__ --exclude='*.egg-info' --exclude='.*' "$@"
    tar -xf "$new/archive" --no-same-owner --no-same-permissions -C "$to"
}

# A version is there as a whole or not at all; one that is there is not ours to change.
copy_models() {
    for folder in models/*/*/; do
        version="${folder%/}"
        if [ ! -e "$prefix/$version" ]; then
            copy "$new" "$version"
            mkdir -p "$prefix/${version%/*}"
            mv "$new/$version" "$prefix/$version"
        elif ! cmp -s "$version/model.json" "$prefix/$version/model.json"; then
            say "$prefix/$version is another model than the one here, and stays"
        fi
    done
}

# The previous plugin stays until the new one is in its place.
replace_plugin() {
    rm -rf "$prefix/.previous"
    mv "$prefix/plugin" "$prefix/.previous"
    if ! mv "$new/plugin" "$prefix/plugin"; then
        mv "$prefix/.previous" "$prefix/plugin"
        die "the plugin in $prefix could not be replaced, see above: it stays as it was"
    fi
    rm -rf "$prefix/.previous"
}

new="$prefix/.new"
rm -rf "$new"
mkdir "$new"
trap 'rm -rf "$new"' EXIT
copy "$new" plugin
copy "$prefix" deploy/install.sh requirements pyproject.toml orthanc.json README.md LICENSE
copy_models
# pip looks for the packages of the plugin, whichever version it is.
[ -e "$prefix/plugin" ] || mv "$new/plugin" "$prefix/plugin"
"$prefix/deploy/install.sh" runtime ||
    die "without its packages, the plugin in $prefix was not upgraded"
[ ! -e "$new/plugin" ] || replace_plugin

cat >&2 <<END
adjuvant: installed in $prefix. Now change the configuration of your Orthanc:

  "Plugins": ["/usr/share/orthanc/plugins"],
  "PythonScript": "$prefix/plugin/main.py",
  "Adjuvant": { "DataDirectory": "/var/lib/orthanc/adjuvant" }

restart it, and see what is still wrong, if anything:

  cd $prefix/plugin && python3 -m adjuvant doctor --configuration /etc/orthanc
END
