# Part of mfa-pam: emergency access, a login that pam_mfa does not ask for a code.
# shellcheck shell=sh

SHADOW=/etc/shadow

# USER@SERVICE[:SERVICE…]
emergency_line() {
    printf '[success=1 default=ignore]\tpam_succeed_if.so quiet user = %s service in %s\n' "${1%%@*}" "${1#*@}"
}

# Refuses emergency access that nobody could use: the user needs a password, and the service must give a login.
emergency_check() {
    case $1 in
    *[!A-Za-z0-9@:._-]* | @* | *@ | *@*@* | *: | *::* | *@:*)
        fail "$1 is not USER@SERVICE. Run, for example: mfa-pam enable --emergency root@login" ;;
    ?*@?*) ;;
    *) fail "$1 is not USER@SERVICE. Run, for example: mfa-pam enable --emergency root@login" ;;
    esac
    user=${1%%@*} services=${1#*@}
    id -u "$user" >/dev/null 2>&1 || fail \
        "there is no user $user, so $1 gives no emergency access. Name another user: --emergency USER@SERVICE"
    is_way_in=''
    for service in $(printf '%s\n' "$services" | tr : ' '); do
        [ -e "$STACKS/$service" ] || [ -e "/usr/lib/pam.d/$service" ] ||
            fail "there is no service $service in $STACKS, so $1 gives no emergency access." \
                "Name another service (--emergency USER@SERVICE), or none: --no-emergency"
        case $service in
        sudo | sudo-i | su | su-l | runuser | runuser-l | polkit-1 | passwd | chsh | chfn | cron | crond | atd) ;;
        *) is_way_in=yes ;;
        esac
    done
    [ -n "$is_way_in" ] || fail \
        "$services lets in only users who are logged in already, so $1 gives no emergency access." \
        "Add a service that gives a login (--emergency $user@login:$services), or name none: --no-emergency"
    why=$(no_login "$user")
    [ -z "$why" ] || fail \
        "$user $why, so $1 gives no emergency access: nobody could get in while the agent is down." \
        "Name another user (--emergency USER@SERVICE), or none: --no-emergency"
    has_password "$user" || fail \
        "$user has no password, so $1 gives no emergency access: nobody could get in while the agent is down." \
        "Set a password (passwd $user), name another user (--emergency USER@SERVICE), or none: --no-emergency"
    [ "$user" = root ] || [ "$(id -u "$user")" -eq 0 ] || case ":$services:" in
    *:sudo:* | *:su:*) ;;
    *) echo "Note: $user gets in without a code by $services. sudo still asks for one; to change that, add :sudo" ;;
    esac
}

# Why this user can't get a shell by a login, if so. mfactl asks the same (mfactl/src/host/accounts.rs).
no_login() {
    shell=$(getent passwd "$1" | cut -d: -f7)
    case ${shell##*/} in
    nologin | false | true | sync | halt | shutdown) echo "has no login shell ($shell)" && return ;;
    esac
    [ -z "$shell" ] || [ -x "$shell" ] || { echo "has a shell that does not exist ($shell)" && return; }
    awk -F: -v user="$1" -v today="$(($(date +%s) / 86400))" \
        '$1 == user && $8 != "" && $8 <= today { print "has expired (chage -E -1 " user ")" }' "$SHADOW"
}

# A user who is not in the shadow file may have a password elsewhere. An empty password counts as none: most services
# refuse it.
has_password() {
    awk -F: -v user="$1" '$1 == user && ($2 == "" || $2 ~ /^[!*]/) { locked = 1 } END { exit locked }' "$SHADOW"
}

# The emergency access $1 in words; mfactl doctor has the same (mfa-stacks/src/emergency.rs).
emergency_told() {
    case $1 in
    '') echo "No emergency access: while the agent is down, nobody gets in." ;;
    *@login) echo "Without a code, for emergencies: ${1%@*} at the console (login)" ;;
    *) echo "Without a code, for emergencies: ${1%@*} through $(printf '%s\n' "${1#*@}" | sed 's/:/, /g')" ;;
    esac
}

# The active emergency access, read from the line in a stack.
emergency_in() {
    sed -n 's/^[^#]*pam_succeed_if\.so quiet user = \([^ ]*\) service in \([^ ]*\).*/\1@\2/p' "$1" 2>/dev/null | head -n 1
}
