#!/bin/sh
# Fetch lwIP's sources from Debian's archive and replace the files kept here, each by the one of the
# same name, unmodified. Needs apt-get, tar and xz; changes nothing outside this folder.
#
#   ./refresh.sh [SUITE]      for example: ./refresh.sh trixie
set -eu
cd "$(dirname "$0")"
suite=${1:-bookworm}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/source"
echo "deb-src [signed-by=$keyring] http://deb.debian.org/debian $suite main" >"$work/sources.list"
cat >"$work/apt.conf" <<EOF
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$work/lists";
Dir::Cache "$work/cache";
EOF
export APT_CONFIG="$work/apt.conf"
apt-get update -qq
(cd "$work/source" && apt-get source -qq --download-only lwip)

# The original archive, without Debian's changes: those are for PPP, threads and sockets.
mkdir "$work/lwip"
tar -xf "$work"/source/lwip_*.orig.tar.* -C "$work/lwip" --strip-components=1
find COPYING src -type f | sort | while read -r name; do
    cp "$work/lwip/$name" "$name"
    chmod 644 "$name"
done
(cd "$work/source" && sha256sum lwip_*.orig.tar.*)
