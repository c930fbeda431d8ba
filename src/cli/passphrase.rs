//! Passwords and passphrases, from where people keep them: never from the arguments.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::Path;

use super::app::App;
use super::explain::Failure;
use crate::secrets::{password_from_environment, read_password_file};

/// The password of a repository that somebody already has: a file, or the variables that restic reads too.
pub(super) fn known_password(app: &App, file: Option<&Path>) -> Result<Option<String>, Failure> {
    match file {
        Some(file) => Ok(Some(read_password_file(file)?)),
        None => Ok(password_from_environment(&app.around.environment)?),
    }
}

/// The words of a kit: from the environment, from a file or pipe on standard input, or typed unseen.
pub(super) fn kit_words(app: &App) -> Result<String, Failure> {
    if let Some(words) = app.around.environment.get("KEEPSAKE_KIT_PASSPHRASE") {
        return Ok(words.clone());
    }
    let typed = if io::stdin().is_terminal() {
        rpassword::prompt_password("The words of the recovery kit: ")
    } else {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map(|_| line)
    };
    let words = typed.map_err(|cause| Failure::Input { what: "the words of the recovery kit".to_owned(), cause })?;
    if words.trim().is_empty() {
        return Err(Failure::Usage {
            message: "the words of the recovery kit are needed, and none were given".to_owned(),
            hint: "type them at a terminal, hand them over on standard input, or set KEEPSAKE_KIT_PASSPHRASE"
                .to_owned(),
        });
    }
    Ok(words.split_whitespace().collect::<Vec<_>>().join(" "))
}
