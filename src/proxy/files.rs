//! Answers from files: which one, whether it is asked for anew, and which part of it.
//!
//! Everything that touches the disk happens on tokio's threads for that, so a slow disk holds up nobody
//! but who asked for its files.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{self, GetAll, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode, request};
use http_range_header::parse_range_header;
use nix::fcntl::OFlag;
use tokio::task::spawn_blocking;

use super::error::ProxyError;
use super::file_body::FileBody;
use super::local_response::LocalResponse;
use super::response_body::BodyContent;
use crate::model::files::{StaticFilePath, StaticFiles};
use crate::model::path;

/// A file that may be served.
struct OpenFile {
    file: File,
    length: u64,
    /// To the second, as headers tell it.
    modified: SystemTime,
    /// From time and length, as nginx makes it.
    tag: HeaderValue,
    content_type: HeaderValue,
}

/// What a client wants of a file, after all its conditions.
enum FileSelection {
    Whole,
    Part(Range<u64>),
    /// It has the file already.
    Nothing,
    /// It has another file than it hopes for.
    Changed,
    /// The file is shorter than what it wants of it.
    Beyond,
}

/// Answers a request for a file.
pub async fn serve(files: &StaticFiles, head: &request::Parts) -> Result<LocalResponse, ProxyError> {
    if head.method != Method::GET && head.method != Method::HEAD {
        return Err(ProxyError::FileMethodNotAllowed);
    }
    let path = path::normalise(head.uri.path()).map_err(|_| ProxyError::BadPath)?;
    let name = files.find(&path).ok_or(ProxyError::NoFile)?;
    let opened = spawn_blocking(move || OpenFile::open(&name)).await;
    let opened = opened.map_err(|_| ProxyError::NoFile)?.map_err(|error| refusal(&error))?;
    Ok(opened.answer(head))
}

/// nginx tells what must not be read from what is not there.
fn refusal(error: &io::Error) -> ProxyError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => ProxyError::Forbidden,
        _ => ProxyError::NoFile,
    }
}

/// How entity tags are compared (RFC 9110 section 8.8.3.2).
#[derive(Clone, Copy)]
enum TagComparison {
    /// A weak tag equals nothing.
    Strong,
    Weak,
}

impl OpenFile {
    fn open(name: &StaticFilePath) -> io::Result<OpenFile> {
        // A pipe must not make the thread wait for somebody who writes into it.
        let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&name.path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() || !lies_within(&file, &name.within)? {
            return Err(io::ErrorKind::NotFound.into());
        }
        let since_epoch = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = since_epoch.as_secs();
        let tag = format!("\"{seconds:x}-{:x}\"", metadata.len());
        Ok(OpenFile {
            file,
            length: metadata.len(),
            modified: UNIX_EPOCH + Duration::from_secs(seconds),
            tag: HeaderValue::try_from(tag).map_err(io::Error::other)?,
            content_type: content_type(&name.path),
        })
    }

    fn answer(self, head: &request::Parts) -> LocalResponse {
        let (status, range) = match self.evaluate_conditions(head) {
            FileSelection::Whole => (StatusCode::OK, 0..self.length),
            FileSelection::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
            FileSelection::Nothing => (StatusCode::NOT_MODIFIED, 0..0),
            FileSelection::Changed => (StatusCode::PRECONDITION_FAILED, 0..0),
            FileSelection::Beyond => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
        };
        let mut reply = Response::new(BodyContent::Empty);
        *reply.status_mut() = status;
        self.describe(reply.headers_mut(), status, &range);
        if head.method == Method::GET && !range.is_empty() {
            *reply.body_mut() = BodyContent::File(FileBody::new(self.file, range));
        }
        reply
    }

    /// The headers of an answer about the file (RFC 9110 sections 8.8, 14.3 and 14.4).
    fn describe(&self, headers: &mut HeaderMap, status: StatusCode, range: &Range<u64>) {
        if let Ok(modified) = HeaderValue::try_from(httpdate::fmt_http_date(self.modified)) {
            headers.insert(header::LAST_MODIFIED, modified);
        }
        headers.insert(header::ETAG, self.tag.clone());
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if status.is_success() {
            headers.insert(header::CONTENT_TYPE, self.content_type.clone());
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
        }
        let part = match status {
            StatusCode::PARTIAL_CONTENT => format!("bytes {}-{}/{}", range.start, range.end - 1, self.length),
            StatusCode::RANGE_NOT_SATISFIABLE => format!("bytes */{}", self.length),
            _ => return,
        };
        if let Ok(part) = HeaderValue::try_from(part) {
            headers.insert(header::CONTENT_RANGE, part);
        }
    }

    /// The conditions in the order of RFC 9110 section 13.2.2.
    fn evaluate_conditions(&self, head: &request::Parts) -> FileSelection {
        let headers = &head.headers;
        // `If-Match` compares strongly, `If-None-Match` weakly (RFC 9110 section 13.1).
        let unchanged = match self.matches(headers.get_all(header::IF_MATCH), TagComparison::Strong) {
            Some(matches) => matches,
            None => date(headers, &header::IF_UNMODIFIED_SINCE).is_none_or(|date| self.modified <= date),
        };
        if !unchanged {
            return FileSelection::Changed;
        }
        let known = match self.matches(headers.get_all(header::IF_NONE_MATCH), TagComparison::Weak) {
            Some(matches) => matches,
            None => date(headers, &header::IF_MODIFIED_SINCE).is_some_and(|date| self.modified <= date),
        };
        if known {
            return FileSelection::Nothing;
        }
        match headers.get(header::RANGE) {
            Some(ranges) if head.method == Method::GET && self.is_range_of_this(headers) => self.part(ranges),
            _ => FileSelection::Whole,
        }
    }

    /// Whether the tag of the file is in the lists of a condition, which may have several lines. `None` without any.
    fn matches(&self, lines: GetAll<'_, HeaderValue>, comparison: TagComparison) -> Option<bool> {
        let own = self.tag.as_bytes();
        let is_own = |tag: &[u8]| {
            let tag = tag.trim_ascii();
            let strong = match comparison {
                TagComparison::Strong => tag,
                TagComparison::Weak => tag.strip_prefix(b"W/").unwrap_or(tag),
            };
            tag == b"*" || strong == own
        };
        let mut lines = lines.iter().peekable();
        lines.peek()?;
        Some(lines.any(|line| line.as_bytes().split(|byte| *byte == b',').any(is_own)))
    }

    /// Whether a range is meant for the file as it is now (RFC 9110 section 13.1.5).
    fn is_range_of_this(&self, headers: &HeaderMap) -> bool {
        let Some(condition) = headers.get(header::IF_RANGE) else { return true };
        condition == self.tag || date(headers, &header::IF_RANGE) == Some(self.modified)
    }

    /// One part is sent as it is asked for. Several would need a body of their own form; the whole file is a
    /// valid answer to them, and to ranges that cannot be read.
    fn part(&self, ranges: &HeaderValue) -> FileSelection {
        let Some(parsed) = ranges.to_str().ok().and_then(|text| parse_range_header(text).ok()) else {
            return FileSelection::Whole;
        };
        match parsed.validate(self.length).as_deref() {
            Ok([only]) => FileSelection::Part(*only.start()..*only.end() + 1),
            Ok(_) => FileSelection::Whole,
            Err(_) => FileSelection::Beyond,
        }
    }
}

/// Whether an open file really lies in a place, whatever links led to it. The question is about what is open,
/// so nobody can exchange it afterwards.
fn lies_within(file: &File, place: &Path) -> io::Result<bool> {
    let real = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    Ok(real.starts_with(place.canonicalize()?))
}

fn date(headers: &HeaderMap, name: &header::HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

fn content_type(path: &Path) -> HeaderValue {
    let known = mime_guess::from_path(path).first_raw();
    HeaderValue::from_static(known.unwrap_or("application/octet-stream"))
}
