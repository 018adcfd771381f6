//! Power cuts and faults in the middle of the conversion of a store of the first format.
//!
//! After each the store opens, with every record of the old store and everything that was acknowledged since.

use super::*;
use crate::store::legacy::tests::{expected, files_of_old_store};

/// A folder with a copy of the old store, as a conversion leaves it when the power goes: `table.converted`.
fn leave_half_a_copy(disk: &Simulated) {
    let copy = disk.path().join("table.converted");
    std::fs::create_dir_all(copy.join("blobs")).unwrap();
    std::fs::write(copy.join("db"), [0; 4_096]).unwrap();
    std::fs::write(copy.join("conf"), b"").unwrap();
}

/// Opens the store, which converts it, and changes it.
fn convert(session: &Session) -> Result<(), String> {
    let store = session.open()?;
    for number in 0..3 {
        let key = format!("account/since{number}").into_bytes();
        session.put(&store, &[(key, Some(vec![number; 40]))]);
    }
    Ok(())
}

/// The store has all records of the old one, and everything acknowledged.
fn holds_all(session: &Session, truth: &Truth, way: &str) {
    let store = session.open().unwrap_or_else(|e| panic!("{way}: {e}"));
    let mut found = all(&store);
    for (key, value) in expected() {
        assert_eq!(found.remove(&key), Some(value), "{way}");
    }
    if let Err(wrong) = truth.check(&found) {
        panic!("{way}: {wrong}");
    }
}

/// Cuts the power after each `stride`th step of a conversion. Returns how many images opened.
fn cut(stride: usize, seeds: u64) -> usize {
    let session = Session::new(files_of_old_store());
    convert(&session).unwrap();
    let mut images = 0;
    every_cut(&session.disk, |number, _, cut| {
        if !number.is_multiple_of(stride) {
            return;
        }
        let some = |seed| Anything((number as u64).wrapping_mul(7919).wrapping_add(seed));
        let mut choices: Vec<Box<dyn Choice>> = vec![Box::new(Nothing), Box::new(Everything)];
        choices.extend((0..seeds).map(|seed| Box::new(some(seed)) as Box<dyn Choice>));
        for mut choice in choices {
            let after = Session::new(cut.image(&mut *choice));
            if images % 2 == 0 {
                leave_half_a_copy(&after.disk);
            }
            let way = format!("cut after step {number}");
            holds_all(&after, &cut.truth, &way);
            holds_all(&after, &cut.truth, &format!("{way}, opened again"));
            images += 1;
        }
    });
    images
}

/// Makes `count` steps of a conversion fail, from the step `at` on. Returns how many steps were tried.
fn fail(base: &Image, at: usize, count: usize, errno: i32) -> usize {
    let session = Session::new(base.clone());
    session.disk.fail(Some(Box::new(move |number, _| {
        let fails = (at..at + count).contains(&number);
        fails.then(|| io::Error::from_raw_os_error(errno))
    })));
    // Whether it opens depends on the fault; nothing may be lost either way.
    let _ = convert(&session);
    let tried = session.disk.tried();
    session.disk.fail(None);
    let way = format!("{count} steps from {at} on fail with {errno}");
    holds_all(&session, &session.truth(), &way);
    tried
}

/// Makes every `stride`th step of a conversion fail. Returns how many conversions there were.
fn fail_everywhere_in_it(stride: usize) -> usize {
    let base = files_of_old_store();
    let steps = fail(&base, 0, 0, 0);
    let mut conversions = 0;
    for at in (0..steps).step_by(stride) {
        for errno in ERRORS {
            for count in [1, 3, usize::MAX / 2] {
                fail(&base, at, count, errno);
                conversions += 1;
            }
        }
    }
    conversions
}

#[test]
fn a_cut_in_the_conversion_of_an_old_store_loses_nothing() {
    let images = cut(9, 1);
    assert!(images >= 9, "{images}");
}

#[test]
fn a_fault_in_the_conversion_of_an_old_store_loses_nothing() {
    let conversions = fail_everywhere_in_it(23);
    assert!(conversions >= 12, "{conversions}");
}

#[test]
#[ignore = "takes minutes: make torture"]
fn hundreds_of_cuts_and_faults_in_the_conversion_of_an_old_store_lose_nothing() {
    let images = cut(1, 8);
    println!("cuts in conversions: {images}; nothing lost");
    let conversions = fail_everywhere_in_it(1);
    println!("faults in conversions: {conversions}; nothing lost");
    assert!(
        images >= 300 && conversions >= 300,
        "{images} {conversions}"
    );
}
