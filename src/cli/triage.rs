//! The report on a run as one page of HTML that stands alone: to be read, printed and handed on.

use std::io::{self, Write};
use std::path::Path;

use data_encoding::BASE64;

use super::explain::Failure;
use super::told::moment;
use crate::catalog::{Brought, RunId};
use crate::model::in_words::{count, size};
use crate::model::report::IngestReport;
use crate::model::{Found, ProblemKind};
use crate::workflows::{OpenArchive, Triage, needs_a_look, save_page, small_preview, triage};

/// More pictures would make a page that no browser likes.
const MOST_PICTURES: usize = 300;

const STYLE: &str = "
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; color: #1d1d1b; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p.when { color: #666; margin-top: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.2rem; } dt { color: #666; } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; color: #666; font-weight: 500; }
td, th { padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #e4e2dd; vertical-align: top; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 1rem; }
.card { border: 1px solid #e4e2dd; border-radius: .5rem; overflow: hidden; break-inside: avoid; }
.card img, .card .none { width: 100%; height: 10rem; object-fit: contain; background: #f3f1ec; display: block; }
.card .none { display: grid; place-items: center; color: #888; } .card div.text { padding: .5rem .7rem; font-size: .85rem; overflow-wrap: anywhere; }
.card b { display: block; } .card span { color: #9a3b1e; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } }
";

/// Writes the report on a run to `file`, in the place of what stood there.
pub(super) fn write(open: &OpenArchive, run: i64, file: &Path) -> Result<(), Failure> {
    let known = triage(open, RunId(run))?.ok_or_else(|| Failure::Usage {
        message: format!("there is no run {run}"),
        hint: "keepsake runs lists them".to_owned(),
    })?;
    let mut pictures = Vec::new();
    for one in known.brought.iter().filter(|one| needs_a_look(one)).take(MOST_PICTURES) {
        pictures.push((one, small_preview(open, &one.object)?));
    }
    let mut page = Vec::new();
    write_page(&mut page, &known, &pictures).and_then(|()| save_page(file, &page)).map_err(Failure::Output)
}

/// What somebody should look at, with its picture where there is one.
type Pictures<'a> = [(&'a Brought, Option<Vec<u8>>)];

fn write_page(out: &mut dyn Write, known: &Triage, pictures: &Pictures<'_>) -> io::Result<()> {
    let report = known.run.report_json.as_deref().and_then(|json| serde_json::from_str::<IngestReport>(json).ok());
    let source = escaped(known.run.source_name.as_deref().unwrap_or(known.run.job.as_str()));
    writeln!(out, "<!doctype html><html lang=en><meta charset=utf-8><title>What was on {source}</title>")?;
    writeln!(out, "<meta name=viewport content='width=device-width'><style>{STYLE}</style>")?;
    writeln!(out, "<h1>What was on {source}</h1>")?;
    let began = escaped(&moment(&known.run.started_at.to_string()));
    writeln!(out, "<p class=when>Run {} of {began}</p>", known.run.id.0)?;
    if let Some(report) = &report {
        counts(out, report)?;
    }
    looks(out, known, pictures)?;
    not_read(out, known)?;
    what_would_help(out, known, report.as_ref())?;
    saved(out, known)?;
    writeln!(out, "</html>")
}

fn counts(out: &mut dyn Write, report: &IngestReport) -> io::Result<()> {
    writeln!(out, "<h2>In short</h2><dl>")?;
    for volume in &report.volumes {
        writeln!(out, "<dt>holds</dt><dd>{}</dd>", escaped(volume))?;
    }
    let rows = [
        ("files found", report.files_seen),
        ("newly kept", report.stored),
        ("already in the archive", report.duplicates),
        ("deleted, and brought back", report.deleted),
        ("found by their content alone", report.by_content),
        ("lack bytes that could not be read", report.with_holes),
        ("damaged", report.damaged),
        ("put together from damaged copies", report.put_together),
        ("not readable at all", report.unreadable),
        ("no photos, videos or sidecars", report.ignored),
    ];
    for (name, number) in rows.into_iter().filter(|(_, number)| *number > 0) {
        writeln!(out, "<dt>{name}</dt><dd>{}</dd>", count(number, "file", "files"))?;
    }
    writeln!(out, "<dt>bytes kept</dt><dd>{}</dd></dl>", size(report.stored_bytes))
}

fn looks(out: &mut dyn Write, known: &Triage, pictures: &Pictures<'_>) -> io::Result<()> {
    if pictures.is_empty() {
        return writeln!(out, "<h2>Damage</h2><p>Nothing that was kept is damaged, as far as it can be tested.</p>");
    }
    writeln!(out, "<h2>Damaged, or in doubt</h2><div class=cards>")?;
    for (one, picture) in pictures {
        writeln!(out, "<div class=card>")?;
        match picture {
            Some(jpeg) => writeln!(out, "<img alt='' src='data:image/jpeg;base64,{}'>", BASE64.encode(jpeg))?,
            None => writeln!(out, "<div class=none>no picture can be made</div>")?,
        }
        let name = escaped(&String::from_utf8_lossy(one.path.file_name()));
        writeln!(out, "<div class=text><b>{name}</b>{}<br>", escaped(&one.path.to_string()))?;
        writeln!(out, "<span>{}</span></div></div>", escaped(&wrong(one)))?;
    }
    writeln!(out, "</div>")?;
    let more = known.brought.iter().filter(|one| needs_a_look(one)).count().saturating_sub(pictures.len());
    if more > 0 {
        writeln!(out, "<p>… and {more} more; keepsake search --condition damaged lists all.</p>")?;
    }
    Ok(())
}

/// What is wrong with a file, or not known about it.
fn wrong(one: &Brought) -> String {
    let finding = one.finding.as_ref().map(|finding| format!("the file {finding}"));
    let lost = one.lost.as_ref().map(|lost| format!("not read: bytes {lost}"));
    let found = (one.found != Found::Listed).then(|| how_found(one.found).to_owned());
    [finding, lost, found].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn how_found(found: Found) -> &'static str {
    match found {
        Found::Listed => "listed in its folder",
        Found::Deleted => "deleted; all of its space was still free",
        Found::DeletedAssumed => "deleted; where its parts lay is assumed",
        Found::DeletedReused => "deleted; other files have taken some of its space",
        Found::Carved => "found by its content, whole",
        Found::Reassembled => "found by its content, and put together from pieces",
        Found::Partial => "found by its content; a part is missing, or nothing proves that it is all there",
        Found::PreviewOnly => "only its small picture was found",
    }
}

fn not_read(out: &mut dyn Write, known: &Triage) -> io::Result<()> {
    let mut unread = known.problems.iter().filter(|problem| problem.kind == ProblemKind::Unreadable).peekable();
    if unread.peek().is_none() {
        return writeln!(out, "<h2>Not read</h2><p>Everything that was asked for could be read.</p>");
    }
    writeln!(out, "<h2>Not read</h2><table><tr><th>what<th>why</tr>")?;
    for problem in unread {
        writeln!(out, "<tr><td>{}<td>{}</tr>", escaped(&problem.path), escaped(&problem.message))?;
    }
    writeln!(out, "</table>")
}

/// What a person can still do, by what was found.
fn what_would_help(out: &mut dyn Write, known: &Triage, report: Option<&IngestReport>) -> io::Result<()> {
    let mut advice = Vec::new();
    if report.is_some_and(|report| report.with_holes > 0 || report.unreadable > 0) {
        advice.push(
            "Run the same command again: spots that did not read are asked again, and what was read is not read twice. \
             A drive that has rested and is cool often gives more.",
        );
        advice.push("Other copies of these photos, on another drive, a phone or in the cloud: ingest them too. Damaged copies of one photo find each other, and are put together where they are whole together.");
    }
    if report.is_some_and(|report| !report.complete) {
        advice.push("The run ended early: run the same command to go on.");
    }
    if known.brought.iter().any(|one| one.found.was_deleted() || one.found.is_by_content()) {
        advice.push("Do not write to this drive: what was deleted stays readable only until its space is used again.");
    }
    if advice.is_empty() {
        return Ok(());
    }
    writeln!(out, "<h2>What would help</h2><ul>")?;
    advice.iter().try_for_each(|line| writeln!(out, "<li>{line}"))?;
    writeln!(out, "</ul>")
}

fn saved(out: &mut dyn Write, known: &Triage) -> io::Result<()> {
    writeln!(out, "<h2>What was saved</h2><table><tr><th>on the source<th>in every snapshot<th>bytes</tr>")?;
    for one in &known.brought {
        let path = escaped(&one.path.to_string());
        let place = one.tree_path.as_deref().map_or_else(|| "kept/".to_owned(), escaped);
        writeln!(out, "<tr><td>{path}<td>{place}<td>{}</tr>", size(one.size))?;
    }
    writeln!(out, "</table>")
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
