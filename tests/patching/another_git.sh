#!/bin/sh
# Unpack Debian's git of another release than this machine's into a folder, with the libraries it needs: `FOLDER`.
# Needs no root. Packages come from the mirror that this machine's apt is set to.
set -eu
folder=$1
here=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
[ "$here" = trixie ] && other=bookworm || other=trixie
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 '/debian/\?$')
rm -rf "$folder" && mkdir -p "$folder/apt/lists/partial" "$folder/apt/sources" "$folder/bin"
folder=$(cd "$folder" && pwd)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror $other main" >"$folder/apt/sources/other.list"
apt() {
    apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$folder/apt/sources" \
        -o Dir::State::lists="$folder/apt/lists" -o Dir::State::status=/dev/null -o Dir::Cache="$folder/apt" \
        -o APT::Sandbox::User="" "$@"
}
apt update
(cd "$folder/apt" && apt download git libc6 libpcre2-8-0 zlib1g)
for package in "$folder"/apt/*.deb; do dpkg-deb -x "$package" "$folder"; done
rm -rf "$folder/apt"
loader=$(find "$folder" -name 'ld-linux*.so.*' -type f | head -n 1)
libraries=$(find "$folder" -name '*.so.*' -path '*-linux-gnu*/lib[cpz]*' -exec dirname {} + | sort -u | paste -sd :)
cat >"$folder/bin/git" <<WRAPPER
#!/bin/sh
export GIT_EXEC_PATH="$folder/bin"
exec "$loader" --library-path "$libraries" --argv0 git "$folder/usr/bin/git" "\$@"
WRAPPER
chmod +x "$folder/bin/git"
"$folder/bin/git" --version
