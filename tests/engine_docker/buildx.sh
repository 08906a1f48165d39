#!/bin/sh
# Unpack Debian's docker-buildx of another release than this machine's: `FOLDER/docker-buildx`. Needs no root.
# Packages come from the mirror that this machine's apt is set to.
set -eu
folder=$1
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 '/debian/\?$')
rm -rf "$folder" && mkdir -p "$folder/apt/lists/partial" "$folder/apt/sources"
folder=$(cd "$folder" && pwd)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror trixie main" >"$folder/apt/sources/other.list"
apt() {
    apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$folder/apt/sources" \
        -o Dir::State::lists="$folder/apt/lists" -o Dir::State::status=/dev/null -o Dir::Cache="$folder/apt" \
        -o APT::Sandbox::User="" "$@"
}
apt update
(cd "$folder/apt" && apt download docker-buildx && dpkg-deb -x docker-buildx_*.deb .)
find "$folder/apt" -name docker-buildx -type f -perm -u+x -exec cp {} "$folder/docker-buildx" \;
rm -rf "$folder/apt"
"$folder/docker-buildx" version
