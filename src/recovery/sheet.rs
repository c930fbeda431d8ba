//! The printable sheet, for the worst day.

use std::fmt;

use jiff::Timestamp;

use super::commands::RESTORED;
use super::opening::locate;

/// What the sheet says besides the kit itself.
#[derive(Clone, Debug)]
pub struct SheetFacts {
    /// Whose photos these are.
    pub owner: String,
    /// Which archive.
    pub archive_id: String,
    /// When the kit was made.
    pub made_at: Timestamp,
    /// Name and location of every repository.
    pub repositories: Vec<(String, String)>,
    /// Where copies of the sealed kit are, as a person would look for them.
    pub copies: Vec<String>,
    /// What opens the kit.
    pub opened_by: OpenedBy,
}

/// What opens a kit, and whether the sheet gives it away.
#[derive(Clone)]
pub enum OpenedBy {
    /// These words, printed on the sheet: whoever has the sheet can see all the photos.
    WordsPrinted(String),
    /// Words that are not on the sheet.
    WordsElsewhere,
    /// A secret key that belongs to one of these public ones.
    Keys(Vec<String>),
}

/// Shows no words.
impl fmt::Debug for OpenedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WordsPrinted(_) => f.write_str("WordsPrinted(..)"),
            Self::WordsElsewhere => f.write_str("WordsElsewhere"),
            Self::Keys(keys) => f.debug_tuple("Keys").field(keys).finish(),
        }
    }
}

/// Writes the sheet as plain text, 80 columns where locations and keys allow it. The sheet is itself a file that
/// [`super::open`] opens.
///
/// Without printed words it gives away where the backups are, and nothing else.
pub fn sheet(kit_file_bytes: &[u8], facts: &SheetFacts) -> String {
    let SheetFacts { owner, archive_id, made_at, repositories, copies, opened_by } = facts;
    let date = made_at.strftime("%Y-%m-%d");
    let identity = match opened_by {
        OpenedBy::Keys(_) => (" --identity KEYFILE", " -i KEYFILE"),
        OpenedBy::WordsPrinted(_) | OpenedBy::WordsElsewhere => ("", ""),
    };
    let asks = match opened_by {
        OpenedBy::Keys(_) => "KEYFILE is the file with the secret key.",
        OpenedBy::WordsPrinted(_) | OpenedBy::WordsElsewhere => {
            "It asks for the words. You do not see them while you type."
        }
    };
    let places: Vec<String> = repositories.iter().map(|(name, location)| format!("{name}:  {location}")).collect();
    let places = listed("  - ", places.iter().map(String::as_str));
    let copies = listed("  - ", copies.iter().map(String::as_str));
    let opens = what_opens(opened_by);
    let (with_keepsake, with_age) = identity;
    let mut text = format!(
        "\
HOW TO GET THE PHOTOS BACK
==========================

This sheet is for the day when the computer or the drives with the photos are
lost or broken. With it and one of the backups below, the photos and videos
can be brought back. There is no hurry, and nothing below changes a photo in
the backups.

Photos of {owner}.
Made on {date} for the archive {archive_id}.

WHERE THE BACKUPS ARE

Every complete backup holds everything, so one of these places is enough.

{places}
A place that begins with / is a folder on a drive. Plug the drive in; on
another computer the beginning of that path can be different.

WHAT OPENS THEM

The passwords of the backups are in the recovery kit: a small locked file
named kit.age. Copies of it:

{copies}  - printed at the end of this sheet

A copy that lies beside a backup in a bucket can be downloaded on the web site
of that store, with the login of the account.

{opens}
THE WAY WITH KEEPSAKE (Linux)

  1. Put a copy of kit.age into an empty folder, on a drive with enough room.
  2. Open a terminal in that folder and type:

       keepsake restore --all --kit kit.age{with_keepsake} --to {RESTORED}

     {asks}
  3. When it has finished, the photos are in {RESTORED}/photos, by year and month.
     (To go on with Keepsake as before, there is also `keepsake recover`.)

THE WAY WITHOUT KEEPSAKE (Linux, macOS, Windows)

  1. Install two free programs: age (https://age-encryption.org) and
     restic, version 0.14 or newer (https://restic.net).
  2. Put a copy of kit.age into an empty folder, on a drive with enough room.
     Open a terminal in that folder and type:

       age -d{with_age} -o kit.json kit.age

     {asks}
  3. Open kit.json with a text editor. Under \"how_to\" there is a finished
     command for each backup. Type or paste one of them. It looks like this:

       RESTIC_PASSWORD=... restic -r ... restore latest --target {RESTORED}

  4. When it has finished, the photos are in {RESTORED}/photos, by year and
     month. Then delete kit.json: whoever reads it can see all the photos.
"
    );
    if let Some(kit) = locate(kit_file_bytes).ok().and_then(|sealed| String::from_utf8(sealed).ok()) {
        text.push_str(
            "
IF NO COPY OF kit.age IS LEFT

  Type or scan the lines below into a plain text file named kit.age: all of
  them, from the BEGIN line to the END line, each letter exactly as it is.
  Capital and small letters are different.

",
        );
        text.push_str(&kit);
    }
    text
}

fn what_opens(opened_by: &OpenedBy) -> String {
    match opened_by {
        OpenedBy::WordsPrinted(words) => {
            let words: Vec<&str> = words.split_whitespace().collect();
            let lines: Vec<String> = words.chunks(4).map(|line| line.join(" ")).collect();
            let lines = listed("    ", lines.iter().map(String::as_str));
            format!(
                "\
The kit opens with these words, in this order, in small letters, with one
space between them:

{lines}
KEEP THIS SHEET PRIVATE. Whoever has it can see all the photos. Keep it where
you keep your passports, and not beside the computer.
"
            )
        }
        OpenedBy::WordsElsewhere => "\
The kit opens with the words that were chosen or shown when it was made. They
are not on this sheet: without them it opens nothing. Keep the two apart.
"
        .to_owned(),
        OpenedBy::Keys(keys) => format!(
            "\
The kit opens with the secret key that belongs to one of these public keys:

{}
Without such a key this sheet opens nothing. Keep the two apart.
",
            listed("    ", keys.iter().map(String::as_str))
        ),
    }
}

/// One line for each, after `lead`.
fn listed<'a>(lead: &str, lines: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(lead);
        text.push_str(&one_line(line));
        text.push('\n');
    }
    text
}

fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}
