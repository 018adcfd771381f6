//! Stacks as they are found on hosts, right and wrong.

use super::*;
use proptest::prelude::*;

const MFA: &str = "auth [success=ok ignore=ignore default=die] pam_mfa.so";

/// As Debian ships it.
const COMMON_AUTH: &str = "\
auth [success=1 default=ignore] pam_unix.so nullok
auth requisite pam_deny.so
auth required pam_permit.so
";

/// As Fedora ships it.
const SYSTEM_AUTH: &str = "\
auth required pam_env.so
auth sufficient pam_unix.so
auth required pam_deny.so
";

/// The same with our mark, as `mfa-pam` makes it.
const MARKING_AUTH: &str = "\
auth required pam_env.so
auth [default=1 ignore=ignore success=ok] pam_localuser.so
auth sufficient pam_unix.so
auth optional pam_mfa.so password_failed
auth required pam_deny.so
";

fn judged(service: &str) -> Option<Order> {
    let file = |name: &str| match name {
        "service" => Some(service),
        "common-auth" => Some(COMMON_AUTH),
        "system-auth" => Some(SYSTEM_AUTH),
        "marking-auth" => Some(MARKING_AUTH),
        "wrong-auth" => Some("auth required pam_mfa.so\n@include common-auth\n"),
        "loop" => Some("auth include loop\nauth include loop\nauth required pam_x.so\n"),
        "endless" => Some("auth include endless\nauth include endless\n"),
        _ => None,
    };
    of("service", &file)
}

#[test]
fn a_service_without_our_module_is_not_judged() {
    assert_eq!(judged("@include common-auth\n"), None);
    assert_eq!(judged("account required pam_mfa.so\n"), None);
    assert_eq!(judged("# auth required pam_mfa.so\n"), None);
    assert_eq!(judged("auth include loop\n"), None);
    assert_eq!(judged("auth include endless\n"), None);
}

#[test]
fn after_the_password_is_right_where_a_wrong_one_ends_the_stack() {
    for before in [
        "@include common-auth",
        "auth include common-auth",
        "-auth requisite /lib/security/pam_sss.so",
        "auth [success=ok default=die] pam_ssh_agent_auth.so",
        "auth sufficient pam_rootok.so\nauth requisite pam_unix.so",
        "auth [success=2 default=ignore] pam_unix.so\n\
         auth [success=1 default=bad] pam_sss.so use_first_pass\n\
         auth [default=die] pam_faillock.so authfail",
    ] {
        let stack = format!("auth required pam_faillock.so preauth\n{before}\n{MFA}\n");
        assert_eq!(judged(&stack), Some(Order::Sound), "{stack}");
    }
}

#[test]
fn a_wrong_password_must_end_the_stack_before_the_code() {
    for before in [
        "auth required pam_unix.so",
        "auth optional pam_unix.so",
        // The end of a substack is no more than that.
        "auth substack common-auth",
        "auth substack system-auth",
        "auth [success=1 default=ignore] pam_unix.so\nauth required pam_deny.so",
        "auth requisite pam_succeed_if.so uid > 0\nauth required pam_unix.so",
        // A password fails by more codes than one.
        "auth [success=ok authinfo_unavail=ignore default=die] pam_krb5.so",
        "auth [success=1 perm_denied=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so",
    ] {
        let order = judged(&format!("{before}\n{MFA}\n"));
        let Some(Order::NotEnded { code, passwords }) = order else {
            panic!("{before}: {order:?}");
        };
        assert!(
            code.text == MFA && passwords[0].starts_with("pam_"),
            "{passwords:?}"
        );
    }
}

#[test]
fn a_mark_at_the_end_of_a_substack_is_as_good() {
    let marked = |line: &str| judged(&format!("auth substack marking-auth\n{line}\n"));
    assert_eq!(marked("auth required pam_mfa.so"), Some(Order::Sound));
    assert_eq!(marked(""), None, "a mark alone asks nobody");
    let unmarked = judged("auth substack system-auth\nauth required pam_mfa.so\n");
    assert!(
        matches!(unmarked, Some(Order::NotEnded { .. })),
        "{unmarked:?}"
    );
}

#[test]
fn before_the_password_is_wrong_and_the_two_lines_are_shown_in_their_right_order() {
    let stack = format!("auth required pam_env.so\n{MFA}\n\n@include common-auth\n");
    let Some(Order::CodeFirst { code, swap, .. }) = judged(&stack) else {
        panic!("{:?}", judged(&stack));
    };
    assert_eq!(code.number, 2);
    let lines = swap.unwrap().map(|place| (place.number, place.text));
    let right = [(4, "@include common-auth".to_owned()), (2, MFA.to_owned())];
    assert_eq!(lines, right);
}

#[test]
fn a_line_with_a_jump_is_not_to_be_moved() {
    let stack = format!("{MFA}\n{COMMON_AUTH}");
    let Some(Order::CodeFirst { swap, .. }) = judged(&stack) else {
        panic!("{:?}", judged(&stack));
    };
    assert_eq!(swap, None);
}

#[test]
fn a_wrong_order_in_a_file_taken_in_is_found_where_it_stands() {
    let Some(Order::CodeFirst { code, swap, .. }) = judged("@include wrong-auth\n") else {
        panic!("{:?}", judged("@include wrong-auth\n"));
    };
    assert_eq!((code.file.as_str(), code.number), ("wrong-auth", 1));
    assert_eq!(swap.unwrap()[0].file, "wrong-auth");
}

#[test]
fn a_right_password_must_not_end_the_stack_before_the_code() {
    for password in [
        "auth sufficient pam_unix.so\nauth requisite pam_deny.so",
        "auth [success=done default=die] pam_sss.so",
        "auth include system-auth\nauth requisite pam_deny.so",
        "@include system-auth\nauth requisite pam_deny.so",
    ] {
        let order = judged(&format!("{password}\n{MFA}\n"));
        assert!(
            matches!(order, Some(Order::Leapt { .. })),
            "{password}: {order:?}"
        );
    }
}

#[test]
fn a_right_password_must_not_jump_over_the_code() {
    let stack = |jump: &str| {
        format!("auth [success={jump} default=die] pam_unix.so\n{MFA}\nauth required pam_deny.so\n")
    };
    for jump in ["1", "2", "99"] {
        let order = judged(&stack(jump));
        assert!(matches!(order, Some(Order::Leapt { .. })), "{order:?}");
    }
    assert_eq!(judged(&stack("ok")), Some(Order::Sound));
    let over_a_substack = format!(
        "auth [success=1 default=ignore] pam_unix.so\nauth substack common-auth\n\
         auth requisite pam_deny.so\n{MFA}\n"
    );
    let order = judged(&over_a_substack);
    assert!(matches!(order, Some(Order::Leapt { .. })), "{order:?}");
    let over_both = over_a_substack.replace("success=1", "success=2");
    let order = judged(&over_both);
    assert_eq!(order, Some(Order::Sound));
}

#[test]
fn a_code_that_was_not_passed_must_end_the_login() {
    let all = 7;
    for (ours, count) in [
        ("auth optional pam_mfa.so", all),
        ("auth [default=ignore] pam_mfa.so", all),
        (
            "auth sufficient pam_mfa.so\nauth required pam_permit.so",
            all,
        ),
        (
            "auth [success=ok default=die maxtries=ignore] pam_mfa.so",
            1,
        ),
        (
            "auth [success=1 default=ignore] pam_mfa.so\nauth required pam_env.so",
            all,
        ),
        (
            "auth [success=ok default=bad] pam_mfa.so\nauth [default=reset] pam_env.so\n\
          auth required pam_permit.so",
            all,
        ),
    ] {
        for before in [
            "auth requisite pam_unix.so",
            "@include common-auth",
            "auth required pam_env.so",
        ] {
            let order = judged(&format!("{before}\n{ours}\n"));
            let Some(Order::Uncounted { when, right, .. }) = order else {
                panic!("{before}\n{ours}: {order:?}");
            };
            assert_eq!((when.len(), right.as_str()), (count, MFA), "{ours}");
        }
    }
    let one = judged("auth optional pam_mfa.so forward_pass\nauth required pam_unix.so\n");
    assert!(matches!(one, Some(Order::Uncounted { .. })), "{one:?}");
}

#[test]
fn a_code_counts_where_a_refusal_comes_to_a_lock_or_to_another_second_factor() {
    for ours in [
        "auth required pam_mfa.so\nauth optional pam_group.so",
        "auth requisite pam_mfa.so",
        "auth sufficient pam_mfa.so\nauth required pam_deny.so",
        "auth [success=1 default=ignore] pam_mfa.so\nauth requisite pam_deny.so\n\
         auth required pam_permit.so",
        "auth sufficient pam_mfa.so\nauth required pam_u2f.so",
        "auth [success=2 default=ignore] pam_mfa.so\n\
         auth [default=die] pam_faillock.so authfail\nauth required pam_deny.so\n\
         auth optional pam_group.so",
    ] {
        let stack = format!("auth requisite pam_unix.so\n{ours}\n");
        assert_eq!(judged(&stack), Some(Order::Sound), "{ours}");
    }
}

#[test]
fn two_passwords_may_be_asked_for() {
    let stack = format!("auth requisite pam_unix.so\nauth requisite pam_krb5.so\n{MFA}\n");
    assert_eq!(judged(&stack), Some(Order::Sound));
}

#[test]
fn one_answer_for_both_is_judged_first_by_its_nature() {
    let order = judged("auth required pam_mfa.so forward_pass\nauth required pam_unix.so\n");
    assert!(matches!(order, Some(Order::OneAnswer { .. })), "{order:?}");
}

#[test]
fn without_any_password_a_key_must_have_been_checked() {
    let stack = format!("auth required pam_faillock.so\n{MFA}\nauth optional pam_group.so\n");
    let order = judged(&stack);
    assert!(matches!(order, Some(Order::Alone { .. })), "{order:?}");
}

proptest! {
    #[test]
    fn what_does_not_check_anything_does_not_matter(
        noise in prop::collection::vec("auth (required|optional) pam_(env|nologin|group|cap)\\.so", 0..4),
        at in 0usize..3,
    ) {
        let mut lines = vec!["auth requisite pam_unix.so", MFA];
        for line in &noise {
            lines.insert(at.min(lines.len()), line);
        }
        prop_assert_eq!(judged(&lines.join("\n")), Some(Order::Sound));
    }

    #[test]
    fn no_stack_is_too_strange(
        stack in "((auth |@include )(required |include |substack |\\[success=[0-9]\\] )\
                  (loop|common-auth|service|pam_mfa.so|pam_unix.so)\n){0,8}",
    ) {
        judged(&stack);
    }
}
