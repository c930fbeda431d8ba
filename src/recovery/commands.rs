//! The commands that bring everything back with stock programs, as text for people.

use super::kit::{Kit, KitRepository};

/// The folder that the commands restore into.
pub(super) const RESTORED: &str = "rescued";

/// What stands in the opened kit for the person who reads it.
pub(super) fn how_to(kit: &Kit) -> Vec<String> {
    let mut lines = vec![
        "KEEP THIS PRIVATE: whoever reads it can see all the photos.".to_owned(),
        format!("It opens the backups of the photo archive {}.", kit.archive_id),
        format!(
            "With Keepsake, use the sealed kit and not this text: keepsake restore --all --kit kit.age --to {RESTORED}"
        ),
        "Without Keepsake: install restic 0.14 or newer (https://restic.net).".to_owned(),
        format!(
            "Then type ONE of the commands below in a terminal. Each brings everything back into the folder {RESTORED}."
        ),
    ];
    for repository in &kit.repositories {
        let command = restore_command(repository);
        let escaped = command.contains(['\\', '"']);
        lines.push(format!("From {}: {command}", repository.name));
        if escaped {
            // JSON puts a backslash before each of these two, and a person copies what is on the screen.
            lines.push("In this command leave out each backslash that stands before another sign.".to_owned());
        }
        if is_bucket(&repository.location) && repository.credentials.is_none() {
            lines.push(format!(
                "The key of the bucket of {} is not in this kit: make a new one where the bucket is, and put it in.",
                repository.name
            ));
        }
    }
    if kit.repositories.iter().any(|repository| !is_bucket(&repository.location)) {
        lines.push(
            "A place that begins with / is a folder on a drive: put the path that the drive has on this computer."
                .to_owned(),
        );
    }
    lines.push("If restic says that it cannot lock the repository, add --no-lock at the end.".to_owned());
    lines.push(
        "On Windows (PowerShell) type each NAME=VALUE in front as a line of its own, $env:NAME='VALUE', then the rest."
            .to_owned(),
    );
    lines.push(format!("Then read {RESTORED}/keepsake/READ-ME-FIRST.txt: it says what is where, and how to check it."));
    lines
}

/// One line for a POSIX shell: restores the newest snapshot with stock restic.
pub(super) fn restore_command(repository: &KitRepository) -> String {
    let KitRepository { location, options, password, credentials, .. } = repository;
    let mut words = Vec::new();
    if let Some((id, secret)) = bucket_variables(location) {
        let (id_value, secret_value) = match credentials {
            Some(credentials) => (quoted(&credentials.id), quoted(&credentials.secret)),
            None => ("KEY-ID".to_owned(), "SECRET-KEY".to_owned()),
        };
        words.push(format!("{id}={id_value}"));
        words.push(format!("{secret}={secret_value}"));
    }
    words.push(format!("RESTIC_PASSWORD={}", quoted(password)));
    words.push(format!("restic -r {}", quoted(location)));
    if location.starts_with("s3:") {
        if let Some(region) = options.get("region") {
            words.push(format!("-o {}", quoted(&format!("s3.region={region}"))));
        }
        if options.get("enable_virtual_host_style").is_some_and(|value| value == "true") {
            words.push("-o s3.bucket-lookup=dns".to_owned());
        }
    }
    words.push(format!("restore latest --target {RESTORED}"));
    words.join(" ")
}

fn is_bucket(location: &str) -> bool {
    bucket_variables(location).is_some()
}

/// The variables in which restic looks for the key of a bucket.
fn bucket_variables(location: &str) -> Option<(&'static str, &'static str)> {
    if location.starts_with("s3:") {
        Some(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    } else if location.starts_with("b2:") {
        Some(("B2_ACCOUNT_ID", "B2_ACCOUNT_KEY"))
    } else {
        None
    }
}

/// As a POSIX shell reads it back; PowerShell too, where there is no quote inside.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::Credentials;

    fn repository(location: &str) -> KitRepository {
        KitRepository {
            name: "r".into(),
            location: location.into(),
            options: [("region".to_owned(), "eu".to_owned())].into(),
            repository_id: None,
            password: "abc".into(),
            master_key: None,
            credentials: Some(Credentials { id: "I/d".into(), secret: "it's".into() }),
        }
    }

    #[test]
    fn each_store_gets_the_variables_and_options_that_restic_knows() {
        assert_eq!(
            restore_command(&repository("/mnt/my disk/k")),
            "RESTIC_PASSWORD=abc restic -r '/mnt/my disk/k' restore latest --target rescued"
        );
        assert_eq!(
            restore_command(&repository("s3:https://host/bucket/x")),
            r"AWS_ACCESS_KEY_ID=I/d AWS_SECRET_ACCESS_KEY='it'\''s' RESTIC_PASSWORD=abc restic -r s3:https://host/bucket/x -o s3.region=eu restore latest --target rescued"
        );
        assert_eq!(
            restore_command(&repository("b2:bucket:x")),
            r"B2_ACCOUNT_ID=I/d B2_ACCOUNT_KEY='it'\''s' RESTIC_PASSWORD=abc restic -r b2:bucket:x restore latest --target rescued"
        );
    }
}
