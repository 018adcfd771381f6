use super::*;

#[test]
fn no_text_at_all_gives_the_defaults() {
    assert_eq!(
        Settings::parse(vec![("agent.toml".into(), String::new())]).unwrap(),
        Settings::default()
    );
}
