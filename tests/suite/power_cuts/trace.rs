//! What a run of the program asked of the system, as strace saw it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::referee;
use crate::support::sandbox::Ended;

/// Every call that can change what is on a disk, or say which file is meant; and those that the model of the disk does
/// not know, so that it can say so.
const CALLS: &str = "open,openat,openat2,creat,close,dup,dup2,dup3,fcntl,lseek,read,write,pwrite64,writev,pwritev,pwritev2,\
    truncate,ftruncate,fallocate,fsync,fdatasync,sync,syncfs,sync_file_range,msync,rename,renameat,renameat2,link,linkat,\
    symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,chmod,fchmod,fchmodat,copy_file_range,sendfile,splice,\
    io_uring_setup,mmap,exit_group";

/// One call that came back.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
    /// Negative: it failed.
    pub(super) result: i64,
    /// The path of the file that was opened.
    pub(super) opened: Option<PathBuf>,
    /// The lines of the trace where it began and came back: calls of several threads lie one in another.
    pub(super) began: usize,
    pub(super) ended: usize,
}

/// Whether runs can be watched here; where not, the test steps aside and says so.
pub(super) fn can_be_taken() -> bool {
    if !referee::is_here("strace", "apt-get install strace") {
        return false;
    }
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).stdin(Stdio::null()).output();
    tried.is_ok_and(|output| output.status.success()) || referee::step_aside("a strace that may trace", "allow ptrace")
}

/// Runs the program to its end under strace.
pub(super) fn take(command: &Command, file: &Path) -> (Ended, Vec<Call>) {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-y", "-qq", "--seccomp-bpf", "-xx", "-s", "1000000000", "-e", "raw=read", "-e"]);
    traced.arg(format!("trace={CALLS}")).arg("-o").arg(file);
    traced.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        traced.current_dir(folder);
    }
    traced.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
    let ended = Ended::of(&traced.output().expect("strace starts"));
    let text = std::fs::read_to_string(file).expect("strace writes what it saw");
    std::fs::remove_file(file).expect("a file of our own can be removed");
    (ended, parse(&text))
}

fn parse(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    // By thread: the name, the beginning of the arguments, and the line.
    let mut unfinished: Vec<(&str, String, usize)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let (thread, said) = line.split_once(' ').expect("a line begins with its thread");
        let said = said.trim_start();
        if said.starts_with("+++") || said.starts_with("---") {
            continue;
        }
        if let Some(begun) = said.strip_suffix(" <unfinished ...>") {
            unfinished.push((thread, begun.to_owned(), number));
        } else if said.starts_with("<... ") {
            let at = unfinished.iter().position(|(other, ..)| *other == thread).expect("what is resumed was begun");
            let (_, begun, began) = unfinished.remove(at);
            let (_, rest) = said.split_once(" resumed>").expect("it says that it is resumed");
            calls.push(call(&format!("{begun}{rest}"), began, number));
        } else {
            calls.push(call(said, number, number));
        }
    }
    calls
}

fn call(text: &str, began: usize, ended: usize) -> Call {
    let (name, rest) = text.split_once('(').unwrap_or_else(|| panic!("not a call: {text:.200}"));
    let (inside, result) = rest.rsplit_once(") ").unwrap_or_else(|| panic!("no result: {text:.200}"));
    let result = result.trim_start().strip_prefix("= ").unwrap_or_else(|| panic!("no result: {text:.200}"));
    let number = result.split([' ', '<']).next().unwrap_or("?");
    let result_number = match number.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).unwrap_or(0),
        None => number.parse().unwrap_or(0),
    };
    let opened = result.split_once('<').and_then(|(_, path)| path.split_once('>')).map(|(path, _)| path_of(path));
    Call { name: name.to_owned(), arguments: split(inside), result: result_number, opened, began, ended }
}

/// Splits at the commas that stand in no string, no list and no path.
fn split(arguments: &str) -> Vec<String> {
    let (mut parts, mut from, mut depth, mut quoted) = (Vec::new(), 0, 0_i32, false);
    for (at, byte) in arguments.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'[' | b'{' | b'(' | b'<' if !quoted => depth += 1,
            b']' | b'}' | b')' | b'>' if !quoted => depth -= 1,
            b',' if !quoted && depth == 0 => {
                parts.push(arguments[from..at].trim().to_owned());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(arguments[from..].trim().to_owned());
    parts
}

impl Call {
    /// An argument; empty where there is none.
    pub(super) fn argument(&self, at: usize) -> &str {
        self.arguments.get(at).map_or("", String::as_str)
    }

    /// The number of a file that an argument names.
    pub(super) fn file(&self, at: usize) -> i64 {
        let text = self.argument(at);
        let text = text.split('<').next().unwrap_or(text);
        match text.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).unwrap_or(-1),
            None => text.parse().unwrap_or(-1),
        }
    }

    pub(super) fn number(&self, at: usize) -> u64 {
        let text = self.argument(at);
        match (text.strip_prefix("0x"), text.strip_prefix('0').filter(|rest| !rest.is_empty())) {
            (Some(hex), _) => u64::from_str_radix(hex, 16).unwrap_or(0),
            (None, Some(octal)) => u64::from_str_radix(octal, 8).unwrap_or(0),
            (None, None) => text.parse().unwrap_or(0),
        }
    }

    /// The path that two arguments name together: a folder, and a path from there.
    pub(super) fn path_at(&self, folder: usize) -> PathBuf {
        let from = self.argument(folder).split_once('<').and_then(|(_, path)| path.split_once('>'));
        let from = from.map(|(path, _)| path_of(path)).unwrap_or_default();
        from.join(self.path(folder + 1))
    }

    /// The path that an argument names.
    pub(super) fn path(&self, at: usize) -> PathBuf {
        bytes_to_path(self.bytes(at))
    }

    /// All the strings of an argument, one after the other, as the bytes that they stand for.
    pub(super) fn bytes(&self, at: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for string in self.argument(at).split('"').skip(1).step_by(2) {
            unescape(string, &mut bytes);
        }
        bytes
    }
}

fn unescape(text: &str, into: &mut Vec<u8>) {
    let text = text.as_bytes();
    let mut at = 0;
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).expect("two hex digits")).expect("below 16");
    while at < text.len() {
        if text[at] == b'\\' {
            assert_eq!(text[at + 1], b'x', "strace was asked for hex");
            into.push(digit(text[at + 2]) << 4 | digit(text[at + 3]));
            at += 4;
        } else {
            into.push(text[at]);
            at += 1;
        }
    }
}

fn path_of(escaped: &str) -> PathBuf {
    let mut bytes = Vec::new();
    unescape(escaped, &mut bytes);
    bytes_to_path(bytes)
}

fn bytes_to_path(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt as _;
    std::ffi::OsString::from_vec(bytes).into()
}
