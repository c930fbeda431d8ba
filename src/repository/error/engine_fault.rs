//! The repository library's own words.

use rustic_core::RusticError;

use crate::repository::store::Fault;

/// What the repository library said, in one line.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct EngineFault(String);

impl EngineFault {
    pub(in crate::repository) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A failed request for one file, in one line.
    pub(super) fn told(fault: &Fault) -> Self {
        let Some(cause) = fault.cause() else { return Self(fault.to_string()) };
        Self(format!("{fault}: {}", without_number(&cause.to_string())))
    }
}

/// What the system says, without the number that it has for it.
pub(super) fn without_number(text: &str) -> &str {
    text.split(" (os error ").next().unwrap_or(text)
}

impl From<&RusticError> for EngineFault {
    fn from(error: &RusticError) -> Self {
        Self(in_one_line(&error.display_log()))
    }
}

/// The library wraps what it has to say in pages for its own developers: “… Message:” goes before it, “Some additional
/// details”, a backtrace or the lack of one, behind.
fn in_one_line(text: &str) -> String {
    let text = text.strip_prefix("Error: ").unwrap_or(text);
    let said = text.rsplit_once("Message:\n").map_or(text, |(_, said)| said);
    let said = said.split("Some additional details").next().unwrap_or(said);
    let said = said.split("For more information").next().unwrap_or(said);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    if said.contains("not found in index") {
        return "no index file names it".to_owned();
    }
    if said.contains("MAC check failed") { "its bytes are not the ones that were written".to_owned() } else { said }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_library_says_to_its_developers_is_left_out() {
        let page = "error processing Config: caused by: `rustic_core` experienced an error.\n\nMessage:\nData is too \
                    short,\ncannot decrypt.\n\n\nSome additional details ...\n\nBacktrace:\ndisabled";
        assert_eq!(in_one_line(page), "Data is too short, cannot decrypt.");
        assert_eq!(in_one_line("Error: one line"), "one line");
    }
}
