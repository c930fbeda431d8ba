#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use age::secrecy::ExposeSecret as _;

use super::*;

const WORDS: &str = "abacus abdomen yo-yo zoologist drop-down turban uncle visor";

fn kit() -> Kit {
    Kit {
        kit_version: KIT_VERSION,
        made_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        made_by: "keepsake 0.1.0".into(),
        archive_id: "a1".into(),
        repositories: vec![
            KitRepository {
                name: "usb".into(),
                location: "/mnt/usb/keepsake".into(),
                options: [].into(),
                repository_id: Some("f00".into()),
                password: "usb-password".into(),
                master_key: Some("{\"mac\":{\"k\":\"master-key\"}}".into()),
                credentials: None,
            },
            KitRepository {
                name: "b2".into(),
                location: "s3:https://s3.us-west-004.backblazeb2.com/bucket/prefix".into(),
                options: [("region".to_owned(), "us-west-004".to_owned())].into(),
                repository_id: None,
                password: "b2-password".into(),
                master_key: None,
                credentials: Some(Credentials { id: "key-id".into(), secret: "key-secret".into() }),
            },
        ],
    }
}

fn age_key() -> (String, String) {
    let identity = age::x25519::Identity::generate();
    (identity.to_string().expose_secret().to_owned(), identity.to_public().to_string())
}

fn to_keys(recipients: &[&str]) -> Vec<u8> {
    seal(&kit(), &SealTo::Recipients(recipients.iter().map(|text| (*text).to_owned()).collect())).unwrap()
}

fn with_key(secret: &str) -> Opener {
    Opener::Identities(secret.to_owned())
}

fn with_words(words: &str) -> Opener {
    Opener::Passphrase(words.to_owned())
}

/// Seals any text as a kit would be.
fn sealed_text(text: &str, recipient: &str) -> Vec<u8> {
    let recipient: age::x25519::Recipient = recipient.parse().unwrap();
    age::encrypt_and_armor(&recipient, text.as_bytes()).unwrap().into_bytes()
}

/// Runs a program, or steps aside where it is missing and nobody requires it.
#[allow(clippy::disallowed_methods, reason = "a test asks the environment whether it may step aside")]
fn referee(program: &str, prepare: impl FnOnce(&mut Command)) -> Option<Output> {
    let required = std::env::var("KEEPSAKE_REFEREES").is_ok_and(|value| value == "required");
    let mut command = Command::new(program);
    prepare(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    match command.output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            assert!(!required, "{program} is missing: apt-get install age restic openssh-client");
            eprintln!("stepping aside: {program} is not installed");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

fn put(path: &Path, bytes: &[u8]) {
    std::fs::File::create(path).unwrap().write_all(bytes).unwrap();
}

#[test]
fn a_kit_sealed_to_several_keys_is_opened_by_each_of_them() {
    let (first, first_public) = age_key();
    let (second, second_public) = age_key();
    let sealed = to_keys(&[&first_public, &format!(" {second_public}\n"), &first_public]);
    assert!(!needs_passphrase(&sealed).unwrap());
    for secret in [first, format!("# created: today\n\n{second}\n")] {
        assert_eq!(open(&sealed, &with_key(&secret)).unwrap(), kit());
    }
}

#[test]
fn a_key_that_does_not_open_it_is_the_wrong_key_and_does_not_hide_the_right_one() {
    let (right, public) = age_key();
    let (wrong, _) = age_key();
    let sealed = to_keys(&[&public]);
    assert!(matches!(open(&sealed, &with_key(&wrong)), Err(RecoveryError::WrongKey { words: false })));
    assert_eq!(open(&sealed, &with_key(&format!("{wrong}\n{right}\n"))).unwrap(), kit());
    assert!(matches!(open(&sealed, &with_words(WORDS)), Err(RecoveryError::NeedsIdentity)));
}

#[test]
fn words_open_a_kit_however_they_are_typed_and_other_words_do_not() {
    let sealed = seal(&kit(), &SealTo::Passphrase(WORDS.to_owned())).unwrap();
    assert!(needs_passphrase(&sealed).unwrap());
    assert_eq!(open(&sealed, &with_words(WORDS)).unwrap(), kit());
    let untidy = format!("  {}\n", WORDS.to_uppercase().replace(' ', "   "));
    assert_eq!(open(&sealed, &with_words(&untidy)).unwrap(), kit());
    assert!(matches!(open(&sealed, &with_words("abacus")), Err(RecoveryError::WrongKey { words: true })));
    assert!(matches!(open(&sealed, &with_key(&age_key().0)), Err(RecoveryError::NeedsPassphrase)));
}

#[test]
fn a_recipient_that_is_none_is_named_and_a_secret_key_among_them_is_not_repeated() {
    let to = |text: &str| seal(&kit(), &SealTo::Recipients(vec![text.to_owned()])).unwrap_err();
    let (secret, public) = age_key();
    let mistyped = public.replace(char::is_numeric, "q");
    for bad in [mistyped.as_str(), "anna@example.org", "ssh-ed25519 AAAAC3", "ecdsa-sha2-nistp256 AAAA", ""] {
        let error = to(bad);
        let RecoveryError::BadRecipient { recipient, .. } = &error else { panic!("{error}") };
        assert!(bad.starts_with(recipient.trim_end_matches('…')), "{error}");
    }
    for bad in [secret.clone(), secret.to_lowercase(), format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{secret}")] {
        let error = to(&bad);
        assert!(matches!(error, RecoveryError::SecretKeyAsRecipient { number: 1 }), "{error}");
        assert!(!format!("{error:?}").contains(&secret[20..40]));
    }
    assert!(matches!(seal(&kit(), &SealTo::Recipients(vec![])), Err(RecoveryError::NoRecipient)));
    assert!(matches!(seal(&kit(), &SealTo::Passphrase(" ".into())), Err(RecoveryError::EmptyPassphrase)));
}

#[test]
fn an_identity_file_with_something_else_in_it_is_refused_by_line() {
    let (_, public) = age_key();
    let sealed = to_keys(&[&public]);
    let said = |text: &str| open(&sealed, &with_key(text)).unwrap_err();
    assert!(matches!(said(&format!("# mine\n{public}")), RecoveryError::BadIdentity { line: 2 }));
    assert!(matches!(said("# nothing\n"), RecoveryError::NoIdentity));
    assert!(matches!(said(&String::from_utf8(sealed.clone()).unwrap()), RecoveryError::LockedIdentity { line: 1 }));
    assert!(matches!(said("-----BEGIN OPENSSH PRIVATE KEY-----\nAAA"), RecoveryError::BadIdentity { line: 1 }));
}

#[test]
fn bytes_that_are_no_kit_are_told_from_a_damaged_kit() {
    let (secret, public) = age_key();
    let with = with_key(&secret);
    for other in [&b""[..], b"hello", b"\xff\xd8\xff\xe0", &vec![0; 5 << 20]] {
        assert!(matches!(open(other, &with), Err(RecoveryError::NotAKit { .. })));
    }
    assert!(matches!(open(&sealed_text("{}", &public), &with), Err(RecoveryError::NotAKit { .. })));
    let error = open(&sealed_text("{\"kit_version\":1,\"made_at\":\"hunter2\"}", &public), &with).unwrap_err();
    assert!(matches!(error, RecoveryError::Damaged { .. }));
    assert!(!format!("{error} {error:?}").contains("hunter2"));

    let sealed = to_keys(&[&public]);
    for length in 0..sealed.len() - 1 {
        assert!(open(&sealed[..length], &with).is_err(), "cut after {length} bytes");
    }
    let text = String::from_utf8(sealed).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for gone in 0..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(gone);
        assert!(open(fewer.join("\n").as_bytes(), &with).is_err(), "without line {gone}");
    }
    let middle = text.len() / 2;
    let altered =
        format!("{}{}{}", &text[..middle], if &text[middle..=middle] == "A" { "B" } else { "A" }, &text[middle + 1..]);
    assert!(matches!(open(altered.as_bytes(), &with), Err(RecoveryError::Damaged { .. })));
}

#[test]
fn a_newer_kit_is_refused_in_words_and_unknown_fields_are_not() {
    let (secret, public) = age_key();
    let newer = sealed_text("{\"kit_version\":2,\"repositories\":{}}", &public);
    let error = open(&newer, &with_key(&secret)).unwrap_err();
    assert!(matches!(error, RecoveryError::Newer { found: 2, known: 1 }), "{error}");
    let mut document = serde_json::to_value(kit()).unwrap();
    document["colour"] = "green".into();
    document["repositories"][0]["shape"] = 3.into();
    let sealed = sealed_text(&document.to_string(), &public);
    assert_eq!(open(&sealed, &with_key(&secret)).unwrap(), kit());
}

#[test]
fn a_kit_that_would_eat_the_memory_is_refused_before_it_does() {
    let sealed = "age-encryption.org/v1\n-> scrypt bBjlhJVYZeE4aqUdmtRHfw 21\n\
                  gUjEymFKMVXQEKdMMHL24oYexjE3TIC0O0zGSqJ2aUY\n--- \
                  aW52YWxpZCBtYWMgYnV0IGxvbmcgZW5vdWdoIDEyMzQ\n0123456789abcdef0123456789abcdef";
    let error = open(sealed.as_bytes(), &with_words(WORDS)).unwrap_err();
    assert!(matches!(error, RecoveryError::TooCostly), "{error:?}");
}

#[test]
fn nothing_that_is_shown_shows_a_secret() {
    let shown = format!(
        "{:?} {:?} {:?} {:?} {:?}",
        kit(),
        SealTo::Passphrase(WORDS.into()),
        with_words(WORDS),
        with_key("AGE-SECRET-KEY-1"),
        OpenedBy::WordsPrinted(WORDS.into())
    );
    for secret in ["password", "master-key", "key-id", "key-secret", "abacus", "AGE-SECRET"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn the_sheet_opens_like_the_kit_and_fits_on_two_pages() {
    let (secret, public) = age_key();
    let sealed = to_keys(&[&public]);
    let facts = SheetFacts {
        owner: "anna".into(),
        archive_id: "a1".into(),
        made_at: kit().made_at,
        repositories: kit().repositories.into_iter().map(|r| (r.name, r.location)).collect(),
        copies: vec!["recovery/kit.age in the bucket\nforged line".into()],
        opened_by: OpenedBy::Keys(vec![public.clone()]),
    };
    let text = sheet(&sealed, &facts);
    assert!(text.contains(&public) && text.contains("s3.us-west-004") && text.contains("age -d -i KEYFILE"), "{text}");
    assert!(!text.contains("\nforged"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.lines().count() <= 2 * 66, "{} lines", text.lines().count());
    let scanned = text.replace('\n', " \r\n   ");
    assert_eq!(open(scanned.as_bytes(), &with_key(&secret)).unwrap(), kit());

    let without = sheet(&sealed, &SheetFacts { opened_by: OpenedBy::WordsElsewhere, ..facts.clone() });
    assert!(!without.contains("abacus") && without.contains("It asks for the words"));
    let with = sheet(&sealed, &SheetFacts { opened_by: OpenedBy::WordsPrinted(WORDS.into()), ..facts });
    assert!(with.contains("    abacus abdomen yo-yo zoologist\n    drop-down turban uncle visor\n"), "{with}");
    assert!(with.contains("Whoever has it can see all the photos."));
}

#[test]
fn the_text_in_every_snapshot_is_narrow_and_always_the_same() {
    let text = read_me_first("a1");
    assert_eq!(text, read_me_first("a1"));
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.contains("cat keepsake/checksums/*.b3 | b3sum --check --quiet"));
}

#[test]
fn stock_age_opens_a_kit_and_finds_the_commands_of_stock_restic_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let (secret, public) = age_key();
    put(&folder.path().join("key"), secret.as_bytes());
    put(&folder.path().join("kit.age"), &to_keys(&[&public]));
    let Some(opened) = referee("age", |age| {
        age.current_dir(folder.path()).args(["-d", "-i", "key", "-o", "kit.json", "kit.age"]);
    }) else {
        return;
    };
    assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
    let text = std::fs::read_to_string(folder.path().join("kit.json")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::from_value::<Kit>(document.clone()).unwrap(), kit());
    let how_to: Vec<&str> = document["how_to"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert!(how_to[5].starts_with("From usb: RESTIC_PASSWORD=usb-password restic -r /mnt/usb/keepsake restore latest"));
    assert!(text.find("how_to") < text.find("repositories"), "the help comes first");
}

#[test]
fn stock_restic_brings_a_file_back_with_the_command_that_stands_in_the_kit() {
    let folder = tempfile::tempdir().unwrap();
    let mut repository = kit().repositories.remove(0);
    repository.location = folder.path().join("Anna's drive/backup").to_string_lossy().into_owned();
    repository.password = "two words".into();
    put(&folder.path().join("photo.jpg"), b"pixels");
    for arguments in [&["init"][..], &["backup", "photo.jpg"]] {
        let Some(done) = referee("restic", |restic| {
            restic
                .current_dir(folder.path())
                .env("RESTIC_PASSWORD", "two words")
                .env("RESTIC_CACHE_DIR", folder.path().join("cache"));
            restic.args(["-r", &repository.location]).args(arguments);
        }) else {
            return;
        };
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    let command = commands::restore_command(&repository);
    let restored = referee("sh", |sh| {
        sh.current_dir(folder.path()).env("RESTIC_CACHE_DIR", folder.path().join("cache")).args(["-c", &command]);
    })
    .unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert_eq!(std::fs::read(folder.path().join("rescued/photo.jpg")).unwrap(), b"pixels");
}

#[test]
fn keys_of_ssh_seal_and_open_and_a_locked_one_is_said_to_be_locked() {
    let folder = tempfile::tempdir().unwrap();
    for (name, kind, password) in [("ed", "ed25519", ""), ("rsa", "rsa", ""), ("locked", "ed25519", "hunter2")] {
        let Some(made) = referee("ssh-keygen", |keygen| {
            keygen.current_dir(folder.path()).args(["-q", "-t", kind, "-N", password, "-C", "anna@laptop", "-f", name]);
        }) else {
            return;
        };
        assert!(made.status.success());
    }
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let sealed = to_keys(&[&read("ed.pub"), &read("rsa.pub"), &read("locked.pub"), &age_key().1]);
    for secret in [read("ed"), read("rsa"), format!("# all\n{}\n{}", age_key().0, read("rsa"))] {
        assert_eq!(open(&sealed, &with_key(&secret)).unwrap(), kit());
    }
    assert!(matches!(open(&sealed, &with_key(&read("locked"))), Err(RecoveryError::LockedIdentity { line: 1 })));
    put(&folder.path().join("kit.age"), &sealed);
    if let Some(opened) = referee("age", |age| {
        age.current_dir(folder.path()).args(["-d", "-i", "rsa", "kit.age"]);
    }) {
        assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
    }
}
