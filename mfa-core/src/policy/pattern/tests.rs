use proptest::prelude::*;

use super::*;

fn users(list: &[&str]) -> Patterns {
    Patterns::new(
        list.iter()
            .map(|text| Pattern::user(text).unwrap())
            .collect(),
    )
    .unwrap()
}

fn groups(list: &[&str]) -> Groups {
    list.iter().map(|&group| group.to_owned()).collect()
}

#[test]
fn a_list_matches_by_name_group_or_star_unless_an_entry_excludes() {
    for (list, name, of, fits) in [
        (&["anna"][..], "anna", &[][..], true),
        (&["anna"], "Anna", &[], false),
        (&["*"], "anyone", &[], true),
        (&["@staff"], "anna", &["staff"], true),
        (&["@staff"], "staff", &[], false),
        (&["*", "!bob"], "bob", &[], false),
        (&["*", "!bob"], "anna", &[], true),
        (&["!bob", "*"], "bob", &[], false),
        (&["bob", "!@staff"], "bob", &["staff"], false),
        (&["@staff", "!bob"], "anna", &["staff"], true),
        (&["!bob"], "anna", &[], true),
        (&["!bob"], "bob", &[], false),
        (&["!bob", "!@staff"], "anna", &["staff"], false),
    ] {
        assert_eq!(
            users(list).fit(name, &groups(of)) == Fit::Fits,
            fits,
            "{list:?} {name} {of:?}"
        );
    }
}

#[test]
fn an_entry_without_a_possible_meaning_is_refused() {
    for (text, message) in [
        ("", "names nothing"),
        ("!", "names nothing"),
        ("@", "names nothing"),
        ("!@", "names nothing"),
        ("!*", "excludes everything"),
        ("adm*", "\"*\" must be alone"),
        ("!!bob", "\"!\" must come first"),
        (" bob", "blanks"),
        ("@ staff", "blanks"),
        ("b\tb", "invisible"),
    ] {
        let error = Pattern::user(text).unwrap_err().to_string();
        assert!(error.contains(message), "{text:?}: {error}");
    }
    assert!(
        Pattern::service("@staff")
            .unwrap_err()
            .to_string()
            .contains("group of users")
    );
}

#[test]
fn a_set_matches_by_any_of_its_names_unless_one_is_excluded() {
    for (list, names, fits) in [
        (&["publickey"][..], &["publickey"][..], true),
        (&["publickey"], &["password"], false),
        (&["publickey"], &["password", "publickey"], true),
        (&["publickey"], &[], false),
        (&["*"], &["hostbased"], true),
        (&["*"], &[], false),
        (&["*", "!password"], &["publickey", "password"], false),
        (&["!password"], &[], true),
        (&["!password"], &["publickey"], true),
        (&["!password"], &["publickey", "password"], false),
        (&["publickey", "!password"], &[], false),
        (&["publickey"], &["publickey:ssh-rsa"], true),
        (&["publickey:ssh-rsa"], &["publickey:ssh-rsa"], true),
        (&["publickey:ssh-rsa"], &["publickey:ssh-rsa-cert"], false),
        (&["publickey:ssh-rsa"], &["publickey"], false),
        (
            &["publickey:sk-*"],
            &["publickey:sk-ssh-ed25519@openssh.com"],
            true,
        ),
        (&["publickey:sk-*"], &["publickey:ssh-ed25519"], false),
        (
            &["publickey:sk-*"],
            &["hostbased:sk-ssh-ed25519@openssh.com"],
            false,
        ),
        (
            &["publickey", "!publickey:ssh-*"],
            &["publickey:ssh-rsa"],
            false,
        ),
        (
            &["publickey", "!publickey:ssh-*"],
            &["publickey:sk-x"],
            true,
        ),
        (&["*"], &["publickey:sk-x"], true),
    ] {
        let list = list.iter().map(|text| Pattern::method(text).unwrap());
        let list = Patterns::new(list.collect()).unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(
            list.fit_set(&names) == SetFit::Fits,
            fits,
            "{list} {names:?}"
        );
    }
    for text in [
        "publickey ssh-rsa",
        "publickey,password",
        "schlüssel",
        "publickey:",
        "publickey:*",
        ":sk-x",
    ] {
        let told = Pattern::method(text).unwrap_err().to_string();
        assert!(told.contains("is not a method of sshd"), "{text:?}: {told}");
    }
}

fn entry() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["*", "a", "b", "@g", "@h", "!a", "!b", "!@g", "!@h"])
}

proptest! {
    #[test]
    fn any_text_is_refused_or_reads_back(text in "[!@*a ]{0,4}|.{0,20}") {
        for parse in [
            Pattern::user, Pattern::service, Pattern::method, Pattern::operation, Pattern::host,
        ] {
            if let Ok(pattern) = parse(&text) {
                prop_assert_eq!(pattern.to_string(), text.as_str());
            }
        }
    }

    #[test]
    fn what_holds_without_groups_holds_with_any(
        list in prop::collection::vec(entry(), 1..6),
        of in prop::collection::btree_set(prop::sample::select(vec!["g".to_owned(), "h".to_owned()]), 0..3),
    ) {
        let list = users(&list);
        if let Some(fits) = list.fit_without_groups("a") {
            prop_assert_eq!(list.fit("a", &of) == Fit::Fits, fits);
        }
    }

    #[test]
    fn the_order_of_entries_is_of_no_account(list in prop::collection::vec(entry(), 1..6)) {
        let of = groups(&["g"]);
        let mut reversed = list.clone();
        reversed.reverse();
        prop_assert_eq!(
            users(&list).fit("a", &of) == Fit::Fits,
            users(&reversed).fit("a", &of) == Fit::Fits
        );
    }
}
