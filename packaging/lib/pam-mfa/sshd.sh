# Of mfa-pam: one file that says how sshd asks, written before any stack asks for a code and taken away after.
# shellcheck shell=sh

DROP_IN=/etc/ssh/sshd_config.d/00-pam-mfa.conf
# The first line of a file of ours, and of the Ansible role's before it called mfa-pam.
OUR_MARK='^# (Written by mfa-pam|Managed by Ansible\. The stack asks)'

# What sshd demands, by the way that was chosen.
sshd_settings() {
    case $1 in
    password) methods=keyboard-interactive ;;
    key) methods='publickey keyboard-interactive' ;;
    key+code) methods=publickey,keyboard-interactive ;;
    *) fail "sshd asks for: password (password and code), key (a key, or password and code) or key+code, not for $1" ;;
    esac
    echo "# Written by mfa-pam. The first value that sshd reads wins; mfa-pam sshd remove takes this away."
    echo "UsePAM yes"
    echo "KbdInteractiveAuthentication yes"
    # It gives one answer to every prompt, and so passes by the code.
    echo "PasswordAuthentication no"
    echo "AuthenticationMethods $methods"
    # Setting a device up takes longer than the two minutes that sshd gives.
    [ "$1" != key+code ] || echo "LoginGraceTime 10m"
}

sshd_enable() {
    SSHD=$(sshd_program) || fail "there is no sshd here"
    new=$(sshd_settings "$1")
    [ "$1" = key+code ] || sshd_asks_for_a_password || fail \
        "$STACKS/sshd can be passed without a password, so with \"$1\" a code alone would let in. Take its lines from" \
        "/usr/share/doc/pam-mfa/examples/pam.d/sshd, or choose key+code."
    before=
    if [ -e "$DROP_IN" ]; then
        before=$(cat "$DROP_IN")
        printf '%s\n' "$before" | head -n 1 | grep -Eq "$OUR_MARK" || [ "$(meaning "$before")" = "$(meaning "$new")" ] ||
            fail "mfa-pam has not written $DROP_IN. Move it away, and run this again."
        if [ "$before" = "$new" ]; then
            sshd_in_force "$1" || sshd_not_in_force
            echo "sshd asks for $1 already ($DROP_IN)."
            return 0
        fi
    fi
    mkdir -p "${DROP_IN%/*}"
    printf '%s\n' "$new" >"$DROP_IN.new"
    chmod 0644 "$DROP_IN.new"
    mv "$DROP_IN.new" "$DROP_IN"
    SSHD_BEFORE=$before SSHD_CHANGED=yes
    if ! why=$("$SSHD" -t 2>&1); then
        sshd_undo
        fail "sshd would not start with $DROP_IN, so it is as before:" "$why"
    fi
    if ! sshd_in_force "$1"; then
        sshd_undo
        sshd_not_in_force
    fi
    sshd_reload
    echo "sshd asks for $1 from now on: wrote $DROP_IN."
}

# What a file says, whoever wrote it.
meaning() {
    printf '%s\n' "$1" | grep -v '^#' || true
}

sshd_not_in_force() {
    fail "sshd does not take what $DROP_IN says: another line comes before it, or nothing includes it." \
        "Make this the first line of /etc/ssh/sshd_config, and run this again:" \
        "Include /etc/ssh/sshd_config.d/*.conf"
}

# Whether sshd has read these settings before any other.
sshd_in_force() {
    now=$("$SSHD" -T 2>/dev/null | tr 'A-Z' 'a-z') || return 1
    sshd_settings "$1" | grep -v '^#' | grep -v '^LoginGraceTime' | tr 'A-Z' 'a-z' | while read -r line; do
        printf '%s\n' "$now" | sed 's/:pam//g' | grep -Fqx "$line" || exit 1
    done
}

# Puts back what was there before this run.
sshd_undo() {
    [ "${SSHD_CHANGED:-}" = yes ] || return 0
    if [ -n "$SSHD_BEFORE" ]; then printf '%s\n' "$SSHD_BEFORE" >"$DROP_IN"; else rm -f "$DROP_IN"; fi
    SSHD_CHANGED=
    sshd_reload
}

# Only once its stack asks for a password again: sshd's own settings may be all that keeps a conversation that asks for
# nothing from being a way in.
sshd_disable() {
    [ -e "$DROP_IN" ] && head -n 1 "$DROP_IN" | grep -Eq "$OUR_MARK" || return 0
    if ! sshd_asks_for_a_password; then
        echo "$DROP_IN stays: without it, $STACKS/sshd would let in without a password. Put a line that asks for one" \
            "there (auth include common-auth), then: mfa-pam sshd remove" >&2
        return 1
    fi
    # In a rescue shell it may not start at all, which says nothing of our file.
    SSHD=$(sshd_program) && "$SSHD" -t 2>/dev/null || SSHD=
    before=$(cat "$DROP_IN")
    rm -f "$DROP_IN"
    if [ -n "$SSHD" ] && ! why=$("$SSHD" -t 2>&1); then
        printf '%s\n' "$before" >"$DROP_IN"
        echo "sshd would not start without $DROP_IN, so it stays: $why" >&2
        return 1
    fi
    sshd_reload
    echo "sshd asks as before: removed $DROP_IN."
}

# Whether nobody gets in by its stack without a right password. Where nobody can tell, it is not known that they
# don't.
sshd_asks_for_a_password() {
    mfactl stacks ask-for-a-password sshd
}

sshd_program() {
    command -v sshd || { [ ! -x /usr/sbin/sshd ] || echo /usr/sbin/sshd; } | grep .
}

sshd_reload() {
    [ -d /run/systemd/system ] || return 0
    for unit in ssh.service sshd.service; do
        if systemctl --quiet is-active "$unit" 2>/dev/null; then
            systemctl reload "$unit" || fail "sshd has not read its settings again: systemctl reload $unit"
            return 0
        fi
    done
}
