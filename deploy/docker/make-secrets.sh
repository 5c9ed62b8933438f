#!/bin/sh
# Draws the password of the user `physician` and that of the database, once:
#
#   deploy/docker/make-secrets.sh [FOLDER]
#
# What is there already stays. Nobody but the owner can enter the folder; the files themselves are
# readable, because in the containers they belong to another user.
set -eu
folder="${1:-$(dirname "$0")/secrets}"

draw() { LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c 24; }

mkdir -p "$folder"
chmod 700 "$folder"
if [ -e "$folder/orthanc.json" ] || [ -e "$folder/index-password" ]; then
    echo "secrets: $folder holds some already; remove them to draw others" >&2
    exit 1
fi
index=$(draw)
user=$(draw)
printf '%s' "$index" >"$folder/index-password"
cat >"$folder/orthanc.json" <<END
{
  "RegisteredUsers": { "physician": "$user" },
  "PostgreSQL": { "Password": "$index" }
}
END
chmod 644 "$folder/index-password" "$folder/orthanc.json"
echo "secrets: drawn; the password of the user 'physician' is in $folder/orthanc.json" >&2
