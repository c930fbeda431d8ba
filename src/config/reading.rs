//! Settings as text, and back: every key is checked against one table before a value is looked at.

use std::ops::Range;

use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::settings::{BadSettings, RepositorySettings, Settings, check_owner};

/// What may stand under a key.
enum Shape {
    Value,
    /// A table with these keys: `[kit]`.
    Table(&'static [(&'static str, Shape)]),
    /// Any number of such tables: `[[repository]]`.
    Tables(&'static [(&'static str, Shape)]),
    /// A table whose keys are free, except that none may look like a secret.
    FreeTable,
}

/// Every setting there is; `the_table_of_keys_knows_every_setting` holds it and [`Settings`] together.
const SETTINGS: &[(&str, Shape)] = &[
    ("owner", Shape::Value),
    (
        "repository",
        Shape::Tables(&[
            ("name", Shape::Value),
            ("location", Shape::Value),
            ("id", Shape::Value),
            ("options", Shape::FreeTable),
        ]),
    ),
    ("kit", Shape::Table(&[("recipients", Shape::Value)])),
];

const HEADER: &str =
    "# Settings of this Keepsake archive. No passwords and no keys belong here: they are in secrets.toml.\n\n";

impl Settings {
    /// Reads settings, and validates them.
    pub fn from_toml(text: &str) -> Result<Self, BadSettings> {
        let document = DeTable::parse(text).map_err(|error| value_error(text, &error))?;
        check_keys(text, document.get_ref(), SETTINGS)?;
        let settings: Self = toml::from_str(text).map_err(|error| value_error(text, &error))?;
        if let Err(why) = check_owner(&settings.owner) {
            let line = document.get_ref().get("owner").map_or(1, |owner| line_of(text, &owner.span()));
            return Err(BadSettings::Value { line, why: format!("this owner cannot be used: {why}") });
        }
        if let Some(name) = settings.repeated_name() {
            let line = line_of_last_repository(text, document.get_ref(), name.as_str());
            return Err(BadSettings::Value { line, why: format!("there is another repository named “{name}”") });
        }
        Ok(settings)
    }

    /// Writes settings so that [`Settings::from_toml`] reads the same again.
    pub fn to_toml(&self) -> Result<String, BadSettings> {
        Ok(format!("{HEADER}{}", rendered(self)?))
    }

    /// The text of these settings, made out of the `text` of the settings `before`. Where only repositories came
    /// to the end, they are added below, and all that a person wrote stays as it is, comments too.
    pub(super) fn to_toml_after(&self, before: &Self, text: &str) -> Result<String, BadSettings> {
        #[derive(Serialize)]
        struct Added<'a> {
            repository: &'a [RepositorySettings],
        }
        if let Some(added) = self.repositories.get(before.repositories.len()..) {
            let together = format!("{}\n\n{}", text.trim_end(), rendered(&Added { repository: added })?);
            if Self::from_toml(&together).is_ok_and(|settings| settings == *self) {
                return Ok(together);
            }
        }
        self.to_toml()
    }
}

fn rendered(value: &impl Serialize) -> Result<String, BadSettings> {
    toml::to_string(value).map_err(|error| BadSettings::Value { line: 1, why: error.to_string() })
}

fn check_keys(text: &str, table: &DeTable<'_>, known: &[(&str, Shape)]) -> Result<(), BadSettings> {
    for (key, value) in table {
        let line = line_of(text, &key.span());
        let name: &str = key.get_ref();
        let Some((_, shape)) = known.iter().find(|(known, _)| *known == name) else {
            return Err(BadSettings::UnknownKey { line, key: name.to_owned(), nearest: nearest(name, known) });
        };
        match (shape, value.get_ref()) {
            (Shape::Table(keys), DeValue::Table(inner)) => check_keys(text, inner, keys)?,
            (Shape::Tables(keys), DeValue::Array(items)) => {
                for inner in items.iter().filter_map(|item| item.get_ref().as_table()) {
                    check_keys(text, inner, keys)?;
                }
            }
            (Shape::Tables(_), DeValue::Table(_)) => {
                let why = format!("write [[{name}]] with two brackets: there can be several");
                return Err(BadSettings::Value { line, why });
            }
            (Shape::FreeTable, DeValue::Table(inner)) => refuse_secrets(text, inner)?,
            // A value of the wrong type is refused, with its line, when it is read into its field.
            (Shape::Value | Shape::Table(_) | Shape::Tables(_) | Shape::FreeTable, _) => {}
        }
    }
    Ok(())
}

/// Refuses options that look like a password or a key of a bucket.
fn refuse_secrets(text: &str, options: &DeTable<'_>) -> Result<(), BadSettings> {
    const WORDS: [&str; 6] = ["secret", "password", "passphrase", "token", "access_key", "application_key"];
    for (key, _) in options {
        let name = key.get_ref().to_lowercase().replace('-', "_");
        if WORDS.iter().any(|word| name.contains(word)) {
            let line = line_of(text, &key.span());
            return Err(BadSettings::Secret { line, key: key.get_ref().to_string() });
        }
    }
    Ok(())
}

/// The known name that a person most likely meant.
fn nearest(name: &str, known: &[(&str, Shape)]) -> Option<String> {
    known
        .iter()
        .map(|(known, _)| (strsim::jaro_winkler(&name.to_lowercase(), known), *known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, known)| known.to_owned())
}

fn line_of_last_repository(text: &str, document: &DeTable<'_>, name: &str) -> usize {
    let named =
        |item: &&Spanned<DeValue<'_>>| item.get_ref().get("name").and_then(|n| n.get_ref().as_str()) == Some(name);
    document
        .get("repository")
        .and_then(|value| value.get_ref().as_array())
        .and_then(|items| items.iter().rfind(named))
        .map_or(1, |item| line_of(text, &item.span()))
}

fn value_error(text: &str, error: &toml::de::Error) -> BadSettings {
    let line = error.span().map_or(1, |span| line_of(text, &span));
    BadSettings::Value { line, why: error.message().lines().collect::<Vec<_>>().join("; ") }
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    text.get(..span.start).unwrap_or(text).matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KitSettings;

    const FULL: &str = r#"
owner = "anna"   # me

[[repository]]
name = "usb"
location = "/mnt/usb/keepsake"

[[repository]]
name = "b2"
location = "b2:photos:anna"
options.region = "eu"

[kit]
recipients = ["age1xyz"]
"#;

    #[test]
    fn settings_are_read_and_written_and_read_the_same() {
        let settings = Settings::from_toml(FULL).unwrap();
        assert_eq!(settings.repositories.len(), 2);
        assert_eq!(settings.repository("b2").unwrap().options["region"], "eu");
        assert_eq!(settings.kit, KitSettings { recipients: vec!["age1xyz".to_owned()] });
        assert_eq!(Settings::from_toml(&settings.to_toml().unwrap()).unwrap(), settings);
    }

    #[test]
    fn the_table_of_keys_knows_every_setting() {
        let text = Settings::from_toml(FULL).unwrap().to_toml().unwrap();
        let document = DeTable::parse(&text).unwrap();
        assert_eq!(document.get_ref().len(), SETTINGS.len());
        check_keys(&text, document.get_ref(), SETTINGS).unwrap();
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest_name() {
        let unknown = |text: &str| Settings::from_toml(text).unwrap_err();
        assert_eq!(
            unknown("owner = \"a\"\n\nrepositories = 1\n"),
            BadSettings::UnknownKey { line: 3, key: "repositories".into(), nearest: Some("repository".into()) }
        );
        assert_eq!(
            unknown("owner = \"a\"\n[[repository]]\nname = \"u\"\nlocatoin = \"/x\"\n"),
            BadSettings::UnknownKey { line: 4, key: "locatoin".into(), nearest: Some("location".into()) }
        );
        assert_eq!(
            unknown("zzz = 1\nowner = \"a\"\n"),
            BadSettings::UnknownKey { line: 1, key: "zzz".into(), nearest: None }
        );
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_line() {
        let line = |text: &str| match Settings::from_toml(text).unwrap_err() {
            BadSettings::Value { line, .. } => line,
            BadSettings::UnknownKey { .. } | BadSettings::Secret { .. } => panic!("the value is wrong"),
        };
        assert_eq!(line("owner = \"a\"\n[[repository]]\nname = \"Not Good\"\nlocation = \"/x\"\n"), 3);
        assert_eq!(line("\n\nowner = 3\n"), 3);
        assert_eq!(line("\nowner = \"a/b\"\n"), 2);
        assert_eq!(line("owner = \"a\"\nrubbish\n"), 2);
        assert_eq!(line("owner = \"a\"\n[repository]\nname = \"u\"\n"), 2);
        let twice = "[[repository]]\nname = \"u\"\nlocation = \"/x\"\n";
        assert_eq!(line(&format!("owner = \"a\"\n{twice}{twice}")), 5);
    }

    #[test]
    fn a_key_of_a_bucket_in_the_settings_is_refused_and_not_repeated() {
        let text = "owner = \"a\"\n[[repository]]\nname = \"u\"\nlocation = \"s3:x/y\"\noptions.secret_access_key = \"hunter2\"\n";
        let error = Settings::from_toml(text).unwrap_err();
        assert_eq!(error, BadSettings::Secret { line: 5, key: "secret_access_key".into() });
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn an_added_repository_leaves_what_a_person_wrote_as_it_is() {
        let before = Settings::from_toml(FULL).unwrap();
        let mut after = before.clone();
        let name = "third".parse().unwrap();
        after.repositories.push(RepositorySettings {
            name,
            location: "/c".into(),
            id: None,
            options: [("a".into(), "b".into())].into(),
        });
        let text = after.to_toml_after(&before, FULL).unwrap();
        assert!(text.starts_with(FULL.trim_end()), "{text}");
        assert_eq!(Settings::from_toml(&text).unwrap(), after);

        let mut other = before.clone();
        other.repositories.remove(0);
        let text = other.to_toml_after(&before, FULL).unwrap();
        assert_eq!(Settings::from_toml(&text).unwrap(), other);
    }
}
