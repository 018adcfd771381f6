use data_encoding::BASE64;
use hpke::kem::X25519HkdfSha256;
use hpke::{Kem, Serializable};
use jiff::Timestamp;
use mfa_protocol::backup::{BackupHead, MAX_CHUNK, PUBLIC_KEY};
use proptest::prelude::*;

use super::*;
use crate::vault::{MasterKey, Vault};

fn vault(byte: u8) -> Vault {
    Vault::new(&MasterKey::from_bytes([byte; 32]))
}

fn sealed(sealing: &Sealing<'_>, records: &[(Vec<u8>, Vec<u8>)]) -> (BackupHead, Vec<Vec<u8>>) {
    let meta = Meta {
        lasting: vault(1).lasting().clone(),
    };
    let (head, mut sealer) = Sealer::begin(sealing, &meta, true, Timestamp::UNIX_EPOCH).unwrap();
    let mut chunks = Vec::new();
    for (key, value) in records {
        if !sealer.has_room_for(key, value) {
            chunks.push(sealer.chunk().unwrap());
        }
        sealer.add(key, value, value.first() == Some(&0));
    }
    chunks.push(sealer.last().unwrap());
    assert!(chunks.iter().all(|chunk| chunk.len() <= MAX_CHUNK));
    (head, chunks)
}

type Records = Vec<(Vec<u8>, Vec<u8>)>;

fn opened(
    head: &BackupHead,
    opening: &Opening<'_>,
    chunks: &[Vec<u8>],
) -> Result<Records, BackupError> {
    let mut opener = Opener::begin(head, opening)?;
    let mut records = Vec::new();
    for (number, chunk) in chunks.iter().enumerate() {
        let opened = opener.chunk(chunk, number + 1 == chunks.len())?;
        assert_eq!(opened.meta.is_some(), number == 0);
        for content in opened.records {
            assert_eq!(content.is_damaged, content.value.first() == Some(&0));
            records.push((content.key, content.value.to_vec()));
        }
    }
    opener.end().ok_or(BackupError::Item(ItemError::Count))?;
    Ok(records)
}

/// Four chunks.
fn some() -> Records {
    (0..60u8)
        .map(|n| (format!("account/{n:03}").into_bytes(), vec![n; 2_000]))
        .collect()
}

#[test]
fn records_of_a_shared_store_come_in_any_order_and_others_in_theirs() {
    let vault = vault(1);
    let meta = Meta {
        lasting: vault.lasting().clone(),
    };
    for (ordered, opens) in [(true, false), (false, true)] {
        let (head, mut sealer) = Sealer::begin(
            &Sealing::Host(&vault),
            &meta,
            ordered,
            Timestamp::UNIX_EPOCH,
        )
        .unwrap();
        for key in [b"account/b", b"account/a"] {
            sealer.add(key, b"1", false);
        }
        let chunks = [sealer.last().unwrap()];
        let read = opened(&head, &Opening::Host(&vault), &chunks);
        assert_eq!(read.is_ok(), opens, "{ordered}");
    }
}

#[test]
fn a_backup_opens_with_its_key_and_with_no_other() {
    let (head, chunks) = sealed(&Sealing::Host(&vault(1)), &some());
    assert!(chunks.len() > 2);
    assert_eq!(
        opened(&head, &Opening::Host(&vault(1)), &chunks).unwrap(),
        some()
    );
    let error = opened(&head, &Opening::Host(&vault(2)), &chunks).unwrap_err();
    assert!(error.to_string().contains(&vault(1).key_id()), "{error}");
    opened(&head, &Opening::FileKey(&[1; 32]), &chunks).unwrap_err();
}

#[test]
fn an_empty_store_and_the_largest_record_make_backups() {
    let large = vec![(b"account/x".to_vec(), vec![1; 22 << 10])];
    for records in [Vec::new(), large] {
        let (head, chunks) = sealed(&Sealing::Host(&vault(1)), &records);
        assert_eq!(
            opened(&head, &Opening::Host(&vault(1)), &chunks).unwrap(),
            records
        );
    }
}

#[test]
fn a_backup_for_a_recipient_opens_with_the_private_key_alone() {
    let (private, public) = X25519HkdfSha256::gen_keypair();
    let text = format!(
        "# a comment\n{PUBLIC_KEY} {}\n",
        BASE64.encode(&public.to_bytes())
    );
    let recipient = Recipient::parse(&text).unwrap();
    let (head, chunks) = sealed(&Sealing::Recipient(&recipient), &some());
    assert_eq!(head.key_id, None);
    let error = opened(&head, &Opening::Host(&vault(1)), &chunks).unwrap_err();
    assert!(error.to_string().contains("--key-file"), "{error}");
    let decode = |text: &str| BASE64.decode(text.as_bytes()).unwrap();
    let encapsulated = decode(head.encapsulated.as_deref().unwrap());
    let file_key = decode(&head.file_key);
    let key = open_for_recipient(&private.to_bytes(), &encapsulated, &file_key).unwrap();
    assert_eq!(
        opened(&head, &Opening::FileKey(&key), &chunks).unwrap(),
        some()
    );
    let (other, _) = X25519HkdfSha256::gen_keypair();
    let wrong = open_for_recipient(&other.to_bytes(), &encapsulated, &file_key);
    assert_eq!(wrong.unwrap_err(), RecipientError::Open);
    for junk in ["", PUBLIC_KEY, "mfa-backup-public-v1: AAAA"] {
        assert!(Recipient::parse(junk).is_err(), "{junk}");
    }
}

#[test]
fn no_chunk_can_be_left_out_moved_or_cut_off() {
    let (head, chunks) = sealed(&Sealing::Host(&vault(1)), &some());
    let vault = vault(1);
    let open = |chunks: &[Vec<u8>]| opened(&head, &Opening::Host(&vault), chunks);
    for number in 0..chunks.len() {
        let mut fewer = chunks.clone();
        fewer.remove(number);
        open(&fewer).unwrap_err();
        let mut moved = chunks.clone();
        moved.swap(number, (number + 1) % chunks.len());
        open(&moved).unwrap_err();
        let mut twice = chunks.clone();
        twice.insert(number, chunks[number].clone());
        open(&twice).unwrap_err();
        open(&chunks[..number]).unwrap_err();
    }
    let (_, others) = sealed(&Sealing::Host(&vault), &some());
    let mut mixed = chunks.clone();
    mixed[1] = others[1].clone();
    open(&mixed).unwrap_err();
}

#[test]
fn the_head_is_bound_to_the_chunks() {
    let (head, chunks) = sealed(&Sealing::Host(&vault(1)), &some());
    let later = BackupHead {
        made_at: "2099-01-01T00:00:00Z".to_owned(),
        ..head.clone()
    };
    opened(&later, &Opening::Host(&vault(1)), &chunks).unwrap_err();
    let mut version = BackupHead { version: 2, ..head };
    opened(&version, &Opening::Host(&vault(1)), &chunks).unwrap_err();
    version.version = 3;
    let error = opened(&version, &Opening::Host(&vault(1)), &chunks).unwrap_err();
    assert!(error.to_string().contains("version 3"), "{error}");
}

#[test]
fn a_changed_head_is_called_a_changed_backup_and_its_key_id_goes_nowhere() {
    let (head, _) = sealed(&Sealing::Host(&vault(1)), &some());
    let begun = |head: &BackupHead| {
        let error = Opener::begin(head, &Opening::Host(&vault(1))).err();
        error.unwrap().to_string()
    };
    let mut wrapped = BASE64.decode(head.file_key.as_bytes()).unwrap();
    wrapped[30] ^= 1;
    for file_key in [BASE64.encode(&wrapped), "AAAA".to_owned(), String::new()] {
        let changed = BackupHead {
            file_key,
            ..head.clone()
        };
        let error = begun(&changed);
        assert!(error.contains("use another backup"), "{error}");
        assert!(!error.contains("a record"), "{error}");
    }
    for id in [
        "",
        "../../x",
        "0e240d7",
        "0E240D73",
        "0e240d73\u{1b}",
        "0e240d733",
    ] {
        let changed = BackupHead {
            key_id: Some(id.to_owned()),
            ..head.clone()
        };
        let error = begun(&changed);
        assert!(error.contains("names no key"), "{id}: {error}");
    }
    let other = BackupHead {
        key_id: Some("0e240d73".to_owned()),
        ..head
    };
    assert!(begun(&other).contains("key.0e240d73"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_flipped_or_cut_never_opens(chunk: prop::sample::Index, byte: prop::sample::Index, bit in 0..8u8, cut: bool) {
        let (head, mut chunks) = sealed(&Sealing::Host(&vault(1)), &some());
        let chunk = chunk.get_mut(&mut chunks);
        let at = byte.index(chunk.len());
        match cut {
            true => chunk.truncate(at),
            false => chunk[at] ^= 1 << bit,
        }
        prop_assert!(opened(&head, &Opening::Host(&vault(1)), &chunks).is_err());
    }

    #[test]
    fn items_read_back_and_garbage_does_not_panic(garbage: Vec<u8>, key in proptest::collection::vec(any::<u8>(), 1..40), value: Vec<u8>) {
        let _ = Item::parse_all(&garbage);
        let mut buffer = super::item::Buffer::new();
        buffer.record(&key, &value, false);
        let items = Item::parse_all(&buffer.take()).unwrap();
        let [Item::Record(content)] = items.as_slice() else { panic!("one record") };
        prop_assert_eq!((&content.key, &**content.value), (&key, &*value));
    }
}
