# Of mfa-pam: the one way in that pam_mfa leaves as it was, and the way back when all else fails.
# shellcheck shell=sh

# USER@SERVICE[:SERVICE…]
emergency_line() {
    printf '[success=1 default=ignore]\tpam_succeed_if.so quiet user = %s service in %s\n' "${1%%@*}" "${1#*@}"
}

# Whether it is a way at all: for somebody who has a password, by a service that is here and gives a login.
emergency_check() {
    case $1 in
    *[!A-Za-z0-9@:._-]* | @* | *@ | *@*@* | *: | *::* | *@:*)
        fail "an emergency way is USER@SERVICE, such as root@login, not $1" ;;
    ?*@?*) ;;
    *) fail "an emergency way is USER@SERVICE, such as root@login, not $1" ;;
    esac
    user=${1%%@*} services=${1#*@}
    id -u "$user" >/dev/null 2>&1 || fail "there is no user $user, so $1 is no emergency way"
    is_way_in=''
    for service in $(printf '%s\n' "$services" | tr : ' '); do
        [ -e "$STACKS/$service" ] || [ -e "/usr/lib/pam.d/$service" ] ||
            fail "there is no service $service in $STACKS, so $1 is no emergency way." \
                "Name another (--emergency USER@SERVICE), or none: --no-emergency"
        case $service in
        sudo | sudo-i | su | su-l | runuser | runuser-l | polkit-1 | passwd | chsh | chfn | cron | crond | atd) ;;
        *) is_way_in=yes ;;
        esac
    done
    [ -n "$is_way_in" ] || fail \
        "$services lets nobody in who is not in already, so $1 is no emergency way." \
        "Name a service that gives a login as well, such as $user@login:$services, or none: --no-emergency"
    why=$(no_login "$user")
    [ -z "$why" ] || fail \
        "$user $why, so $1 is no emergency way: were the agent down, nobody could get in to help." \
        "Name another (--emergency USER@SERVICE), or none: --no-emergency"
    has_password "$user" || fail \
        "$user has no password, so $1 is no emergency way: were the agent down, nobody could get in to help." \
        "Give it one (passwd $user), name another (--emergency USER@SERVICE), or none: --no-emergency"
    [ "$user" = root ] || [ "$(id -u "$user")" -eq 0 ] || case ":$services:" in
    *:sudo:* | *:su:*) ;;
    *) echo "Note: $user gets in without a code by $services, and sudo still asks for one; :sudo leaves that out, too." ;;
    esac
}

# Why no login by this user gives a shell, if that is so.
no_login() {
    shell=$(getent passwd "$1" | cut -d: -f7)
    case ${shell##*/} in
    nologin | false | true | sync | halt | shutdown) echo "has no shell to log in with ($shell)" && return ;;
    esac
    [ -z "$shell" ] || [ -x "$shell" ] || { echo "has a shell that is not there ($shell)" && return; }
    awk -F: -v user="$1" -v today="$(($(date +%s) / 86400))" \
        '$1 == user && $8 != "" && $8 <= today { print "has expired (chage -E -1 " user ")" }' /etc/shadow
}

# Users of another source than the shadow file have one as far as anybody knows. An empty one is none: most services
# refuse it.
has_password() {
    awk -F: -v user="$1" '$1 == user && ($2 == "" || $2 ~ /^[!*]/) { locked = 1 } END { exit locked }' /etc/shadow
}

# What is in force, from the line in a stack.
emergency_in() {
    sed -n 's/^[^#]*pam_succeed_if\.so quiet user = \([^ ]*\) service in \([^ ]*\).*/\1@\2/p' "$1" 2>/dev/null | head -n 1
}
