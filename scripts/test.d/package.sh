# The packages: made, looked at, and tried where there is no Swift. Sourced by scripts/test.d/part.

package() {
    local deb status=0
    install_programs lintian:lintian man:man-db systemd-analyze:systemd || true
    if ! scripts/package --output "$room/packages" >"$room/said" 2>&1 </dev/null; then
        fail 'package: made' "$room/said"
        return
    fi
    pass 'package: made'
    deb=$(echo "$room"/packages/*.deb)
    dpkg-deb -x "$deb" "$room/unpacked"
    if command -v lintian >/dev/null; then
        check 'package: lintian finds no error' lintian --allow-root --fail-on error "$deb"
    else
        skip "package: lintian can't be had"
    fi
    check 'package: manual pages have no warning' pages_are_clean "$room/unpacked/usr/share/man"
    check 'package: no path of the build is in it' names_no_path "$room/unpacked"
    if command -v systemd-analyze >/dev/null; then
        check 'package: the unit is well' unit_is_well "$room/unpacked"
    else
        skip "package: systemd-analyze can't be had"
    fi
    check 'package: scripts/install installs what works, and takes it away again' installs_and_removes "$room/prefix"
    mkdir "$room/chroot"
    scripts/package.d/try-in-chroot "$deb" README.md "$room/chroot" >"$room/said" 2>&1 </dev/null || status=$?
    case $status in
        0) pass 'package: installed, used, upgraded, removed and purged in a chroot' ;;
        77) skip "package: in a chroot: $(tail -n 1 "$room/said")" ;;
        *) fail 'package: in a chroot' "$room/said" ;;
    esac
}
installs_and_removes() {
    scripts/install "$1" && "$1/bin/dmfuse" --version || return
    # There is no mount: it got as far as that with its library found.
    [[ $("$1/bin/dmfuse" run --dir "$room" -- true 2>&1) == *'no dmfuse is mounted there' ]] || return
    scripts/install --remove "$1" && [ -z "$(find "$1" -type f)" ]
}
pages_are_clean() (
    local page said
    cp -r "$1" "$room/man" && gzip -dr "$room/man" && cd "$room/man" || return
    for page in man*/*; do
        said=$(man --warnings -l "$page" 2>&1 >/dev/null) && [ -z "$said" ] || {
            printf '%s: %s\n' "$page" "$said"
            return 1
        }
    done
)
names_no_path() { ! grep -rlF "$PWD" "$1"; }
# As if the program were in its place.
unit_is_well() {
    local said unit=$room/dmfuse@.service
    sed "s|/usr/bin/dmfuse|$1/usr/bin/dmfuse|" "$1/usr/lib/systemd/system/dmfuse@.service" >"$unit"
    said=$(systemd-analyze verify --man=no "$unit" 2>&1) && [ -z "$said" ] || { echo "$said" && return 1; }
}
