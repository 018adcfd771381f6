# Part of mfa-pam: one file with sshd's settings, written before any stack asks for a code and removed after.
# shellcheck shell=sh

DROP_IN=/etc/ssh/sshd_config.d/00-pam-mfa.conf
# The first line of our file, and of the file that the Ansible role wrote before it called mfa-pam.
OUR_MARK='^# (Written by mfa-pam|Managed by Ansible\. The stack asks)'

# The settings for each choice.
sshd_settings() {
    case $1 in
    password) methods=keyboard-interactive ;;
    key) methods='publickey keyboard-interactive' ;;
    key+code) methods=publickey,keyboard-interactive ;;
    *) fail "$1 is not a choice. Choose key (a key, or password and code), password (password and code) or key+code:" \
        "mfa-pam sshd key" ;;
    esac
    echo "# Written by mfa-pam. sshd uses the first value that it reads. To remove this file: mfa-pam sshd remove"
    echo "UsePAM yes"
    echo "KbdInteractiveAuthentication yes"
    # Its client gives one answer to every prompt, so it can't ask for password and code.
    echo "PasswordAuthentication no"
    echo "AuthenticationMethods $methods"
    # Setting up a device takes longer than sshd's two minutes.
    [ "$1" != key+code ] || echo "LoginGraceTime 10m"
}

sshd_enable() {
    SSHD=$(sshd_program) || fail "there is no sshd on this host. Install it, or run mfa-pam without the sshd step"
    new=$(sshd_settings "$1")
    [ "$1" = key+code ] || sshd_asks_for_a_password || fail \
        "$STACKS/sshd does not ask for a password, so with \"$1\" the code alone would let users in. Choose key+code:" \
        "mfa-pam sshd key+code. Or put back the sshd file of your distribution:" "$(sshd_put_back)"
    before=
    if [ -e "$DROP_IN" ]; then
        before=$(cat "$DROP_IN")
        printf '%s\n' "$before" | head -n 1 | grep -Eq "$OUR_MARK" || [ "$(meaning "$before")" = "$(meaning "$new")" ] ||
            fail "$DROP_IN exists, and mfa-pam has not written it. Move it away and run this again."
        if [ "$before" = "$new" ]; then
            sshd_in_force "$1" || sshd_not_in_force
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
        fail "sshd would not start with $DROP_IN, so it was not kept. sshd says:" "$why"
    fi
    if ! sshd_in_force "$1"; then
        sshd_undo
        sshd_not_in_force
    fi
    sshd_reload
}

# What sshd accepts after sshd_enable $1.
sshd_told() {
    case $1 in
    key) accepts='accepts a key alone, or password and code' ;;
    password) accepts='accepts only password and code' ;;
    *) accepts='asks for a code after the key' ;;
    esac
    if [ "${SSHD_CHANGED:-}" = yes ]; then
        echo "sshd now $accepts: wrote $DROP_IN."
    else
        echo "sshd already $accepts ($DROP_IN)."
    fi
}

# While our settings are active, sshd's stack must ask for a code, and not for the code alone. Called by enable.
sshd_refuse_without_a_code() {
    [ -z "$forced" ] || return 0
    sshd_is_ours || return 0
    if ! sshd_asks_for_a_code; then
        if grep -q "^$TAKEN_OUT" "$STACKS/sshd" 2>/dev/null; then
            fail "sshd does not ask for a code: $STACKS/sshd was changed by \`mfa-pam disable --all\`, and again later." \
                "Put back the lines that begin with #mfa-pam#: remove that mark, and the line after each that ends with" \
                "\"# instead of pam_mfa\". Then run this again."
        fi
        fail "sshd does not ask for a code: $STACKS/sshd does not include $(own_stack). Put back the sshd file of your" \
            "distribution, and run this again:" "$(sshd_put_back)"
    fi
    sshd_asks_for_a_password || grep -Fqx "AuthenticationMethods publickey,keyboard-interactive" "$DROP_IN" || fail \
        "$STACKS/sshd asks for no password, so the code alone would let users in. Let sshd check a key first" \
        "(mfa-pam sshd key+code), or put back the sshd file of your distribution, and run this again:" "$(sshd_put_back)"
}

# Not our example of a stack: it has a line of its own, and $(own_stack) would ask for a second code.
sshd_put_back() {
    echo "mv $STACKS/sshd /root/pam.d-sshd"
    if has apt-get; then
        echo "apt-get install --reinstall -o Dpkg::Options::=--force-confmiss openssh-server"
    else
        echo "dnf reinstall openssh-server"
    fi
}

# Tells where sshd's settings keep it from asking for the code that its stack wants. $1: all lines of the module.
sshd_warn() {
    program=$(sshd_program) && sshd_asks_for_a_code || return 0
    now=$("$program" -T 2>/dev/null) || return 0
    if printf '%s\n' "$now" | grep -qix 'usepam no'; then
        echo "Warning: sshd asks nobody for a code, because UsePAM is no: a password or a key is enough there." \
            "Let it ask: mfa-pam sshd key"
    elif printf '%s\n' "$now" | grep -qix 'kbdinteractiveauthentication no' && ! sshd_asks_in_one "$1"; then
        echo "Warning: sshd can't ask for a code, because KbdInteractiveAuthentication is no: users who need one get in" \
            "only with a key. Let it ask: mfa-pam sshd key"
    fi
}

# Whether its own file lets sshd ask for password and code in one answer, which needs no conversation.
sshd_asks_in_one() {
    printf '%s\n' "$1" | grep -Eq "^$STACKS/sshd:.*(forward_pass|use_first_pass|try_first_pass)"
}

# The problems that doctor finds with sshd and its stack. If the agent does not answer, doctor still looks at both.
sshd_problems() {
    ended=0
    said=$(timeout 60 mfactl doctor 2>/dev/null) || ended=$?
    # Doctor ends with 1 if there are problems, and with 3 if the agent does not answer. 124 is timeout(1)'s.
    case $ended in
    0 | 1 | 3) ;;
    124) echo "Warning: mfactl doctor took more than a minute and was stopped. See what it says: mfactl doctor" ;;
    *) echo "Warning: mfactl doctor failed (status $ended). See what it says: mfactl doctor" ;;
    esac
    printf '%s\n' "$said" | awk '
        function flush() { if (found ~ /^PROBLEM +(sshd|stacks) / && found ~ /sshd/) printf "%s", found; found = "" }
        /^[^ ]/ { flush() }
        { found = found $0 "\n" }
        END { flush() }'
}

# Whether the file is there, and mfa-pam or the Ansible role has written it.
sshd_is_ours() {
    [ -e "$DROP_IN" ] && head -n 1 "$DROP_IN" | grep -Eq "$OUR_MARK"
}

# The settings of a file, without comments.
meaning() {
    printf '%s\n' "$1" | grep -v '^#' || true
}

sshd_not_in_force() {
    fail "sshd ignores the settings of $DROP_IN: an earlier line overrides them, or no line includes the file." \
        "Make this the first line of /etc/ssh/sshd_config, and run this again:" \
        "Include /etc/ssh/sshd_config.d/*.conf"
}

# Whether sshd uses these settings.
sshd_in_force() {
    now=$("$SSHD" -T 2>/dev/null | tr '[:upper:]' '[:lower:]') || return 1
    sshd_settings "$1" | grep -v '^#' | grep -v '^LoginGraceTime' | tr '[:upper:]' '[:lower:]' | while read -r line; do
        printf '%s\n' "$now" | sed 's/:pam//g' | grep -Fqx "$line" || exit 1
    done
}

# Restores what was there before this run.
sshd_undo() {
    [ "${SSHD_CHANGED:-}" = yes ] || return 0
    if [ -n "$SSHD_BEFORE" ]; then printf '%s\n' "$SSHD_BEFORE" >"$DROP_IN"; else rm -f "$DROP_IN"; fi
    SSHD_CHANGED=
    sshd_reload
}

# Refuses while the stack asks for no password: then only sshd's own settings keep people out.
sshd_disable() {
    sshd_is_ours || return 0
    if ! sshd_asks_for_a_password; then
        echo "mfa-pam: $DROP_IN was not removed: without it, $STACKS/sshd would let users in without a password. Add" \
            "a line that asks for one (auth include common-auth), then run: mfa-pam sshd remove" >&2
        return 1
    fi
    # In a rescue shell sshd may not start at all, whatever our file says.
    SSHD=$(sshd_program) && "$SSHD" -t 2>/dev/null || SSHD=
    before=$(cat "$DROP_IN")
    rm -f "$DROP_IN" || return 1
    if [ -n "$SSHD" ] && ! why=$("$SSHD" -t 2>&1); then
        printf '%s\n' "$before" >"$DROP_IN"
        echo "mfa-pam: $DROP_IN was not removed: sshd would not start without it. sshd says: $why" >&2
        return 1
    fi
    sshd_reload
    echo "sshd asks as before: removed $DROP_IN."
}

# Whether sshd's stack lets nobody in without a right password. If mfactl can't tell, the answer is no.
sshd_asks_for_a_password() {
    mfactl stacks ask-for-a-password sshd
}

# Whether sshd's stack has a line of ours that asks.
sshd_asks_for_a_code() {
    mfactl stacks ask-for-a-code sshd
}

sshd_program() {
    command -v sshd || { [ ! -x /usr/sbin/sshd ] || echo /usr/sbin/sshd; } | grep .
}

sshd_reload() {
    [ -d /run/systemd/system ] || return 0
    for unit in ssh.service sshd.service; do
        if systemctl --quiet is-active "$unit" 2>/dev/null; then
            systemctl reload "$unit" || fail "sshd has not reloaded its settings. Run: systemctl reload $unit"
            return 0
        fi
    done
}
