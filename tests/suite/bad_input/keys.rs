//! Passwords, words, kits, secrets and settings that are not what they should be.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{archive_of, calm, photos, refused};
use crate::support::sandbox::{Ended, Sandbox};
use crate::support::tree::write;

fn backed_up() -> Sandbox {
    let drive = Sandbox::new();
    photos(&drive.path("drive"), 2);
    archive_of(&drive.path("drive")).backed_up_to_disk()
}

fn with_words(sandbox: &Sandbox, words: &str, arguments: &[&str]) -> Ended {
    let mut command = sandbox.command(arguments);
    command.env("KEEPSAKE_KIT_PASSPHRASE", words);
    Ended::of(&command.output().expect("the program starts"))
}

#[test]
fn a_wrong_password_opens_nothing_and_says_where_the_right_one_is() {
    let sandbox = backed_up();
    let (disk, file) = (sandbox.path("disk").display().to_string(), sandbox.path("password").display().to_string());
    write(Path::new(&file), b"not the password\n");
    let to = sandbox.path("to").display().to_string();
    for arguments in [
        ["restore", "--from", &disk, "--password-file", &file, "--all", "--to", &to].as_slice(),
        ["recover", "--from", &disk, "--password-file", &file, "--into", &to].as_slice(),
    ] {
        refused(sandbox.run(arguments), 12, "the key does not open the repository at", "the recovery kit holds");
        assert!(!Path::new(&to).exists(), "something was made");
    }
    // The archive's own: a password that somebody changed by hand.
    let secrets = sandbox.archive().join("secrets.toml");
    let text = std::fs::read_to_string(&secrets).unwrap().replace(&sandbox.password("disk"), "another");
    std::fs::write(&secrets, text).unwrap();
    let ended = sandbox.keepsake(&["check"]).expect_code(4);
    assert!(
        ended.stdout.contains("the password that is kept for it opens no key file; its master key opens it"),
        "{}",
        ended.stdout
    );
    // The master key beside it still does.
    sandbox.keepsake(&["backup"]).expect_code(0);
    let secrets_of =
        |text: &str| text.lines().filter(|line| !line.starts_with("master_key")).collect::<Vec<_>>().join("\n");
    let text = std::fs::read_to_string(sandbox.archive().join("secrets.toml")).unwrap();
    std::fs::write(sandbox.archive().join("secrets.toml"), secrets_of(&text)).unwrap();
    photos(&sandbox.path("more"), 3);
    sandbox.keepsake(&["ingest", &sandbox.path("more").display().to_string()]).expect_code(0);
    let ended = sandbox.keepsake(&["backup"]).expect_code(1);
    assert!(ended.stdout.contains("disk: FAILED: the key does not open"), "{}", ended.stdout);
    assert!(ended.stdout.contains("hint: the recovery kit holds the right password"), "{}", ended.stdout);
}

#[test]
fn a_missing_password_is_asked_for_by_name() {
    let sandbox = backed_up();
    let (disk, to) = (sandbox.path("disk").display().to_string(), sandbox.path("to").display().to_string());
    let ended = sandbox.run(["restore", "--from", &disk, "--all", "--to", &to]);
    refused(ended, 2, "the repository's password is needed", "--password-file FILE, or KEEPSAKE_PASSWORD");
}

#[test]
fn wrong_words_and_no_words_are_told_apart() {
    let sandbox = backed_up();
    let kit = sandbox.archive().join("recovery/kit.age").display().to_string();
    let to = sandbox.path("to").display().to_string();
    for arguments in [
        ["kit", "show", &kit].as_slice(),
        ["kit", "verify", &kit].as_slice(),
        ["restore", "--kit", &kit, "--all", "--to", &to].as_slice(),
        ["recover", "--kit", &kit, "--into", &to].as_slice(),
    ] {
        let wrong = with_words(&sandbox, "eight words that somebody wrote down quite wrong", arguments);
        refused(wrong, 12, "these words do not open the kit", "check every word against the sheet");
        let none = sandbox.run(arguments);
        refused(none, 2, "the words of the recovery kit are needed", "KEEPSAKE_KIT_PASSPHRASE");
        assert!(!Path::new(&to).exists(), "something was made");
    }
    // As somebody types them: other spaces between the words are the same words.
    let spaced = sandbox.words().replace(' ', "  \t");
    with_words(&sandbox, &spaced, &["kit", "show", &kit]).expect_code(0);
}

#[test]
fn a_kit_that_is_garbage_or_cut_off_is_called_so() {
    let sandbox = backed_up();
    let whole = std::fs::read(sandbox.archive().join("recovery/kit.age")).unwrap();
    let words = sandbox.words();
    let file = sandbox.path("kit.age").display().to_string();
    let show = |bytes: &[u8]| {
        write(Path::new(&file), bytes);
        with_words(&sandbox, &words, &["kit", "show", &file])
    };
    show(&whole).expect_code(0);
    for length in (0..whole.len()).step_by(97) {
        let ended = show(&whole[..length]).expect_code(1);
        calm(&ended);
        let told = ["this is not a recovery kit: ", "this copy of the kit is damaged: "];
        assert!(told.iter().any(|text| ended.stderr.contains(text)), "cut at {length}: {}", ended.stderr);
    }
    for at in (0..whole.len()).step_by(151) {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        let ended = show(&altered);
        calm(&ended);
        assert!(ended.code == 0 || ended.stderr.contains("kit"), "bit flipped at {at}: {}", ended.stderr);
        assert!(ended.code != 0 || ended.stdout.contains(&sandbox.password("disk")), "another kit opened, at {at}");
    }
    refused(show(b"a shopping list"), 1, "this is not a recovery kit", "a kit has a line");
    refused(show(&whole[..whole.len() / 2]), 1, "its end is missing", "another copy lies beside every repository");
    let missing = sandbox.run(["kit", "show", "no-such-kit.age"]).expect_code(1);
    assert!(missing.stderr.contains("no-such-kit.age cannot be read"), "{}", missing.stderr);
}

#[test]
fn secrets_that_others_can_read_are_refused_with_the_command_that_closes_them() {
    let sandbox = backed_up();
    let secrets = sandbox.archive().join("secrets.toml");
    std::fs::set_permissions(&secrets, Permissions::from_mode(0o644)).unwrap();
    let close = format!("chmod 600 {}", secrets.display());
    refused(sandbox.keepsake(&["status"]), 1, "can be read by other users of this computer", &close);
    refused(sandbox.keepsake(&["backup"]), 1, "can be read by other users of this computer", &close);
    std::fs::set_permissions(&secrets, Permissions::from_mode(0o600)).unwrap();
    sandbox.keepsake(&["backup"]).expect_code(0);
}

#[test]
fn a_slip_in_the_settings_is_shown_with_its_line_and_the_word_that_was_meant() {
    let sandbox = backed_up();
    let settings = sandbox.archive().join("keepsake.toml");
    let before = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, before.replace("owner = ", "ownr = ")).unwrap();
    let line = before.lines().position(|line| line.starts_with("owner")).unwrap() + 1;
    let ended = sandbox.keepsake(&["status"]).expect_code(1);
    calm(&ended);
    let expected = format!("line {line}: “ownr” is not a setting; did you mean “owner”?");
    assert!(ended.stderr.contains(&expected), "{}", ended.stderr);
    for broken in ["owner = [", "\u{0}\u{1}\u{2}", "[[repository]]\nname = 7\n"] {
        std::fs::write(&settings, broken).unwrap();
        let ended = sandbox.keepsake(&["status"]).expect_code(1);
        calm(&ended);
        assert!(
            ended.stderr.contains("keepsake.toml: line 1") || ended.stderr.contains("keepsake.toml: line 2"),
            "{}",
            ended.stderr
        );
    }
    std::fs::write(&settings, before).unwrap();
    sandbox.keepsake(&["search"]).expect_code(0);
}
