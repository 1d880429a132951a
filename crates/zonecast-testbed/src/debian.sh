#!/bin/sh
# Unpacks packages of another Debian suite, with all they need, into a folder. The system is not touched: the
# archive and its signatures are the machine's own, only apt's state is private to the folder.
# usage: debian.sh SUITE FOLDER PACKAGE...
set -eu
suite=$1 folder=$2
shift 2
work=$folder/.apt
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts" "$work/none"
: > "$work/status"
uri=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
[ -n "$uri" ] ||
    uri=$(sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\/debian\/\{0,1\}\) .*/\2/p' /etc/apt/sources.list 2>/dev/null | head -n 1)
[ -n "$uri" ] || { echo "no Debian archive is configured" >&2; exit 1; }
printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
    "$uri" "$suite" > "$work/parts/suite.sources"
private() {
    apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/parts" \
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts="$work/none" \
        -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
        -o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o APT::Sandbox::User=root \
        -o APT::Update::Error-Mode=any -o APT::Install-Recommends=false -o Debug::NoLocking=true "$@"
}
private update
private -y --download-only install "$@"
for package in "$work"/cache/archives/*.deb; do dpkg-deb -x "$package" "$folder"; done
rm -rf "$work"
