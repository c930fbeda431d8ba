//! An S3 server of our own, in memory, that does wrong on command.
//!
//! It knows the few requests that Keepsake makes, wants them signed (by whom, not how), and counts them.

mod wire;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use self::wire::{Line, page, percent_decoded, range_of};

/// The key that the server knows.
pub(crate) const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "FAULTYKEY"), ("AWS_SECRET_ACCESS_KEY", "a-secret")];

/// What the server does instead of what it was asked.
#[derive(Clone)]
pub(crate) enum Does {
    /// Answers with a status, S3's word for it, a sentence, and headers.
    Refuses(u16, &'static str, &'static str, &'static [(&'static str, &'static str)]),
    /// Reads so many bytes of what is sent, and hangs up.
    HangsUpAfter(usize),
    /// Does what it was asked, and hangs up without an answer.
    HangsUpAfterwards,
    /// Says nothing, and keeps the line.
    Silent,
    /// Changes one byte of what it sends.
    SendsOther,
    /// Says how long its answer is, sends so much of it, and hangs up.
    SendsShort(usize),
    /// Says that it keeps what it was sent, and keeps other bytes.
    KeepsOther,
    /// Says that it keeps what it was sent, and keeps nothing.
    KeepsNothing,
    /// Lists so many names, and says that these are all.
    ListsOnly(usize),
    /// Lists so many names, and says rightly that there are more of them.
    ListsFewerThanItCounts(usize),
    /// Stops in the middle of the list.
    LosesTheEndOfTheList,
    /// Says that the list goes on, and not where.
    LosesTheWayOn,
    /// Waits before it answers.
    Waits(Duration),
}

/// Which requests a fault is for: the method (`LIST` for lists) and a part of the name; all of them unless told otherwise.
pub(crate) struct Rule {
    method: &'static str,
    part: &'static str,
    pass: usize,
    times: usize,
    does: Does,
}

/// A fault for every request of that method whose name has that part; empty ones mean any.
pub(crate) fn on(method: &'static str, part: &'static str, does: Does) -> Rule {
    Rule { method, part, pass: 0, times: usize::MAX, does }
}

impl Rule {
    /// Leaves the first ones alone.
    pub(crate) fn after(mut self, pass: usize) -> Self {
        self.pass = pass;
        self
    }

    /// Only so often.
    pub(crate) fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }
}

/// One request as it came.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// The file's name in the bucket, or the beginning that a list was asked for.
    pub(crate) name: String,
    pub(crate) headers: BTreeMap<String, String>,
    /// Where a list goes on.
    after: Option<String>,
}

impl Asked {
    /// Reads the head of the next request; `None` at the end of the line.
    fn read(reader: &mut impl BufRead) -> std::io::Result<Option<Self>> {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(None);
        }
        let mut words = first.split_whitespace();
        let (verb, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut headers = BTreeMap::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let values: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let key = path.strip_prefix("/photos").unwrap_or_default().trim_start_matches('/');
        let (method, name) = match values.get("prefix") {
            Some(prefix) if verb == "GET" => ("LIST", *prefix),
            _ => (verb, key),
        };
        let after = values.get("continuation-token").map(|token| percent_decoded(token));
        Ok(Some(Self { method: method.to_owned(), name: percent_decoded(name), headers, after }))
    }
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    rules: Vec<Rule>,
    asked: Vec<Asked>,
    names_in_a_page: usize,
}

/// The server; it ends when this is dropped.
pub(crate) struct FaultyBucket {
    port: u16,
    state: Arc<Mutex<State>>,
    over: Arc<AtomicBool>,
}

impl FaultyBucket {
    /// Starts one that does nothing wrong, with the bucket `photos`.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let state = Arc::new(Mutex::new(State { names_in_a_page: 1000, ..State::default() }));
        let over = Arc::new(AtomicBool::new(false));
        let (shared, ends) = (Arc::clone(&state), Arc::clone(&over));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let (state, ends) = (Arc::clone(&shared), Arc::clone(&ends));
                // A line that breaks off is what many of these tests are about.
                thread::spawn(move || drop(stream.and_then(|stream| serve(stream, &state, &ends))));
            }
        });
        Self { port, state, over }
    }

    /// Where a repository under `prefix` of the bucket is.
    pub(crate) fn location(&self, prefix: &str) -> String {
        format!("s3:http://127.0.0.1:{}/photos/{prefix}", self.port)
    }

    /// From now on it does this wrong, and nothing else.
    pub(crate) fn does(&self, rules: impl IntoIterator<Item = Rule>) {
        let mut state = self.lock();
        state.rules = rules.into_iter().collect();
        state.asked.clear();
    }

    /// From now on it does nothing wrong.
    pub(crate) fn behaves(&self) {
        self.does([]);
    }

    /// How many names it lists at once.
    pub(crate) fn lists_at_once(&self, names: usize) {
        self.lock().names_in_a_page = names;
    }

    /// All requests since [`Self::does`] or [`Self::behaves`].
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    /// How many of them were of that method, for names with that part.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        self.lock().asked.iter().filter(|one| fits(one, method, part)).count()
    }

    /// What lies in the bucket.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.lock().files.clone()
    }

    /// Puts the bucket back to what it was.
    pub(crate) fn put_back(&self, files: &BTreeMap<String, Vec<u8>>) {
        self.lock().files.clone_from(files);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FaultyBucket {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for callers.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn fits(asked: &Asked, method: &str, part: &str) -> bool {
    (method.is_empty() || asked.method == method) && asked.name.contains(part)
}

/// Answers all requests of one line.
fn serve(stream: TcpStream, state: &Mutex<State>, over: &AtomicBool) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = Line::new(stream);
    while let Some(asked) = Asked::read(&mut reader)? {
        let does = lock(state).fault_for(&asked);
        let length = asked.headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let read = if let Some(Does::HangsUpAfter(bytes)) = does { length.min(bytes) } else { length };
        let mut body = vec![0; read];
        reader.read_exact(&mut body)?;
        match &does {
            Some(Does::HangsUpAfter(_)) => return line.hang_up(),
            Some(Does::Silent) => {
                while !over.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(50));
                }
                return Ok(());
            }
            Some(Does::Waits(pause)) => thread::sleep(*pause),
            _ => {}
        }
        if !answer(&mut line, &asked, body, does.as_ref(), state)? {
            return line.hang_up();
        }
    }
    Ok(())
}

/// Answers one request; false where the line is to break off.
fn answer(
    line: &mut Line,
    asked: &Asked,
    body: Vec<u8>,
    does: Option<&Does>,
    state: &Mutex<State>,
) -> std::io::Result<bool> {
    let is_head = asked.method == "HEAD";
    if let Some(Does::Refuses(status, code, message, headers)) = does {
        line.refuse(*status, code, message, headers, is_head)?;
        return Ok(true);
    }
    let signed = format!("AWS4-HMAC-SHA256 Credential={}/", KEYS[0].1);
    if !asked.headers.get("authorization").is_some_and(|value| value.starts_with(&signed)) {
        line.refuse(403, "InvalidAccessKeyId", "who?", &[], is_head)?;
        return Ok(true);
    }
    match asked.method.as_str() {
        "LIST" => {
            let state = lock(state);
            let page = page(&state.files, state.names_in_a_page, asked, does);
            drop(state);
            line.answer(200, &[("content-type", "application/xml")], page.as_bytes(), None)?;
        }
        "PUT" => {
            lock(state).keep(&asked.name, body, does);
            if matches!(does, Some(Does::HangsUpAfterwards)) {
                return Ok(false);
            }
            line.answer(200, &[("etag", "\"x\"")], b"", None)?;
        }
        "DELETE" => {
            lock(state).files.remove(&asked.name);
            line.answer(204, &[], b"", None)?;
        }
        _ => {
            let file = lock(state).files.get(&asked.name).cloned();
            match file {
                None => line.refuse(404, "NoSuchKey", "there is none", &[], is_head)?,
                Some(file) if is_head => line.answer(200, &[], b"", Some(file.len()))?,
                Some(file) => return send(line, asked, file, does),
            }
        }
    }
    Ok(true)
}

/// Sends a file or a range of it; false where the line is to break off.
fn send(line: &mut Line, asked: &Asked, mut file: Vec<u8>, does: Option<&Does>) -> std::io::Result<bool> {
    let mut status = 200;
    if let Some((from, to)) = asked.headers.get("range").and_then(|range| range_of(range)) {
        status = 206;
        file = file.get(from..=to.min(file.len().saturating_sub(1))).unwrap_or_default().to_vec();
    }
    if matches!(does, Some(Does::SendsOther)) && !file.is_empty() {
        let middle = file.len() / 2;
        file[middle] ^= 1;
    }
    if let Some(Does::SendsShort(bytes)) = does {
        line.answer(status, &[], &file[..file.len().min(*bytes)], Some(file.len()))?;
        return Ok(false);
    }
    line.answer(status, &[], &file, None)?;
    Ok(true)
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// Writes the request down, and looks what is to go wrong with it.
    fn fault_for(&mut self, asked: &Asked) -> Option<Does> {
        self.asked.push(asked.clone());
        for rule in &mut self.rules {
            if !fits(asked, rule.method, rule.part) {
                continue;
            }
            if rule.pass > 0 {
                rule.pass -= 1;
            } else if rule.times > 0 {
                rule.times -= 1;
                return Some(rule.does.clone());
            }
        }
        None
    }

    /// Keeps a file, as well as it keeps files.
    fn keep(&mut self, name: &str, mut body: Vec<u8>, does: Option<&Does>) {
        if let Some(Does::KeepsNothing) = does {
            return;
        }
        if matches!(does, Some(Does::KeepsOther)) && !body.is_empty() {
            let middle = body.len() / 2;
            body[middle] ^= 1;
        }
        self.files.insert(name.to_owned(), body);
    }
}
