# Of mfa-pam: the one way in that pam_mfa leaves as it was, and the way back when all else fails.
# shellcheck shell=sh

# USER@SERVICE[:SERVICE…]
emergency_line() {
    printf '[success=1 default=ignore]\tpam_succeed_if.so quiet user = %s service in %s\n' "${1%%@*}" "${1#*@}"
}

# Whether it is a way at all: for somebody who has a password and a service that is here.
emergency_check() {
    case $1 in
    *[!A-Za-z0-9@:._-]* | @* | *@ | *@*@*) fail "an emergency way is USER@SERVICE, such as root@login, not $1" ;;
    ?*@?*) ;;
    *) fail "an emergency way is USER@SERVICE, such as root@login, not $1" ;;
    esac
    user=${1%%@*} first=${1#*@}
    first=${first%%:*}
    id -u "$user" >/dev/null 2>&1 || fail "there is no user $user, so $1 is no emergency way"
    [ -e "$STACKS/$first" ] || [ -e "/usr/lib/pam.d/$first" ] ||
        fail "there is no service $first in $STACKS, so $1 is no emergency way." \
            "Name another (--emergency USER@SERVICE), or none: --no-emergency"
    has_password "$user" || fail \
        "$user has no password, so $1 is no emergency way: were the agent down, nobody could get in to help." \
        "Give it one (passwd $user), name another (--emergency USER@SERVICE), or none: --no-emergency"
    [ "$user" = root ] || [ "$(id -u "$user")" -eq 0 ] || case ":${1#*@}:" in
    *:sudo:* | *:su:*) ;;
    *) echo "Note: $user gets in without a code by ${1#*@}, and sudo still asks for one; :sudo leaves that out, too." ;;
    esac
}

# Users of another source than the shadow file have one as far as anybody knows.
has_password() {
    awk -F: -v user="$1" '$1 == user && $2 ~ /^[!*]/ { locked = 1 } END { exit locked }' /etc/shadow
}

# What is in force, from the line in a stack.
emergency_in() {
    sed -n 's/^[^#]*pam_succeed_if\.so quiet user = \([^ ]*\) service in \([^ ]*\).*/\1@\2/p' "$1" 2>/dev/null | head -n 1
}

# Takes every line of ours out of every file, as a comment. Where no other line checks a password, a password takes the
# place of the code: a stack must not ask for nothing.
take_out_everywhere() {
    for file in $(printf '%s\n' "$1" | cut -d: -f1 | sort -u); do
        [ -w "$file" ] || fail "$file can't be written. Is its disk read-only? mount -o remount,rw /"
        file=$(readlink -f "$file")
        sed -e '/^[^#]*pam_mfa\.so/s/^/#mfa-pam# /' \
            -e '/^[^#]*pam_succeed_if\.so quiet user = [^ ]* service in /s/^/#mfa-pam# /' "$file" >"$file.mfa-pam"
        if grep -q '^#mfa-pam# -\{0,1\}auth' "$file.mfa-pam" && ! is_shared "$file" &&
            ! asks_for_a_password "$file.mfa-pam"; then
            echo "auth required pam_unix.so" | cat - "$file.mfa-pam" >"$file.mfa-pam2"
            mv "$file.mfa-pam2" "$file.mfa-pam"
            echo "$file now asks for the password, which it did not before."
        fi
        cat "$file.mfa-pam" >"$file"
        rm -f "$file.mfa-pam"
        echo "took pam_mfa.so out of $file"
    done
}

# Files that others take in: those are not a login by themselves.
is_shared() {
    case ${1##*/} in
    common-* | *-auth | postlogin | *-auth-ac) return 0 ;;
    *) return 1 ;;
    esac
}
