//! Serves static files with conditional and range requests.
//!
//! Files are opened and read on tokio's blocking threads, so a slow disk delays only the requests for its files.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{self, HeaderMap, HeaderValue};
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

/// An open file with its validators and media type.
struct OpenFile {
    file: File,
    /// Bytes.
    length: u64,
    /// Truncated to seconds, the precision of `Last-Modified`.
    modified: SystemTime,
    /// `"<modification time>-<length>"` in hexadecimal, as in nginx.
    etag: HeaderValue,
    content_type: HeaderValue,
}

/// Result of the conditional and range headers.
enum FileSelection {
    Whole,
    /// Byte range, end exclusive.
    Part(Range<u64>),
    NotModified,
    PreconditionFailed,
    RangeNotSatisfiable,
}

/// Returns the response to a request for a static file.
///
/// # Errors
///
/// If the method is not GET or HEAD, the path is invalid, or the file does not exist or must not be read.
pub async fn serve(files: &StaticFiles, head: &request::Parts) -> Result<LocalResponse, ProxyError> {
    if head.method != Method::GET && head.method != Method::HEAD {
        return Err(ProxyError::FileMethodNotAllowed);
    }
    let path = path::normalize(head.uri.path()).map_err(|_| ProxyError::BadPath)?;
    let name = files.find(&path).ok_or(ProxyError::NoFile)?;
    let file = spawn_blocking(move || OpenFile::open(&name)).await;
    let file = file.map_err(|_| ProxyError::NoFile)?.map_err(|error| open_error(&error))?;
    Ok(file.into_response(head))
}

/// As in nginx, missing permission is 403 and a missing file 404.
fn open_error(error: &io::Error) -> ProxyError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => ProxyError::Forbidden,
        _ => ProxyError::NoFile,
    }
}

impl OpenFile {
    fn open(name: &StaticFilePath) -> io::Result<OpenFile> {
        // `O_NONBLOCK`: opening a named pipe must not block until a writer opens it.
        let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
        let open = |path: &Path| OpenOptions::new().read(true).custom_flags(flags).open(path);
        let (mut file, mut path) = (open(&name.path)?, &name.path);
        if let Some(index) = name.index.as_ref().filter(|_| file.metadata().is_ok_and(|it| it.is_dir())) {
            (file, path) = (open(index)?, index);
        }
        let metadata = file.metadata()?;
        if !metadata.is_file() || !is_within(&file, &name.within)? {
            return Err(io::ErrorKind::NotFound.into());
        }
        let since_epoch = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = since_epoch.as_secs();
        let etag = format!("\"{seconds:x}-{:x}\"", metadata.len());
        Ok(OpenFile {
            file,
            length: metadata.len(),
            modified: UNIX_EPOCH + Duration::from_secs(seconds),
            etag: HeaderValue::try_from(etag).map_err(io::Error::other)?,
            content_type: content_type(path),
        })
    }

    /// Returns the response for the conditions of a request.
    fn into_response(self, head: &request::Parts) -> LocalResponse {
        let (status, range) = match self.evaluate_conditions(head) {
            FileSelection::Whole => (StatusCode::OK, 0..self.length),
            FileSelection::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
            FileSelection::NotModified => (StatusCode::NOT_MODIFIED, 0..0),
            FileSelection::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, 0..0),
            FileSelection::RangeNotSatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
        };
        let mut response = Response::new(BodyContent::Empty);
        *response.status_mut() = status;
        self.set_headers(response.headers_mut(), status, &range);
        if head.method == Method::GET && !range.is_empty() {
            *response.body_mut() = BodyContent::File(FileBody::new(self.file, range));
        }
        response
    }

    /// Sets validators, range and content headers (RFC 9110 sections 8.8, 14.3 and 14.4).
    fn set_headers(&self, headers: &mut HeaderMap, status: StatusCode, range: &Range<u64>) {
        if let Ok(modified) = HeaderValue::try_from(httpdate::fmt_http_date(self.modified)) {
            headers.insert(header::LAST_MODIFIED, modified);
        }
        headers.insert(header::ETAG, self.etag.clone());
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

    /// Evaluates conditional headers in the order of RFC 9110 section 13.2.2.
    fn evaluate_conditions(&self, head: &request::Parts) -> FileSelection {
        let headers = &head.headers;
        let is_unchanged = match headers.get(header::IF_MATCH) {
            Some(tags) => self.matches_etag(tags),
            None => date(headers, &header::IF_UNMODIFIED_SINCE).is_none_or(|date| self.modified <= date),
        };
        if !is_unchanged {
            return FileSelection::PreconditionFailed;
        }
        let is_cached = match headers.get(header::IF_NONE_MATCH) {
            Some(tags) => self.matches_etag(tags),
            None => date(headers, &header::IF_MODIFIED_SINCE).is_some_and(|date| self.modified <= date),
        };
        if is_cached {
            return FileSelection::NotModified;
        }
        match headers.get(header::RANGE) {
            Some(ranges) if head.method == Method::GET && self.matches_if_range(headers) => {
                self.select_range(ranges)
            }
            _ => FileSelection::Whole,
        }
    }

    /// Returns whether the entity tag is in a list of tags (weak comparison), or the list is `*`.
    fn matches_etag(&self, tags: &HeaderValue) -> bool {
        let Ok(tags) = tags.to_str() else { return false };
        let own = self.etag.as_bytes();
        tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/").as_bytes() == own)
    }

    /// Returns whether `If-Range` is absent or matches the current file (RFC 9110 section 13.1.5).
    fn matches_if_range(&self, headers: &HeaderMap) -> bool {
        let Some(condition) = headers.get(header::IF_RANGE) else { return true };
        condition == self.etag || date(headers, &header::IF_RANGE) == Some(self.modified)
    }

    /// Selects a single range. Several ranges, which need a `multipart/byteranges` body, and invalid ranges select
    /// the whole file, which RFC 9110 section 14.2 permits.
    fn select_range(&self, ranges: &HeaderValue) -> FileSelection {
        let Some(parsed) = ranges.to_str().ok().and_then(|text| parse_range_header(text).ok()) else {
            return FileSelection::Whole;
        };
        match parsed.validate(self.length).as_deref() {
            Ok([only]) => FileSelection::Part(*only.start()..*only.end() + 1),
            Ok(_) => FileSelection::Whole,
            Err(_) => FileSelection::RangeNotSatisfiable,
        }
    }
}

/// Returns whether an open file is inside a directory after all symbolic links are resolved. The check reads the
/// path of the open descriptor, so the file cannot be replaced between check and use.
fn is_within(file: &File, directory: &Path) -> io::Result<bool> {
    let real = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    Ok(real.starts_with(directory.canonicalize()?))
}

fn date(headers: &HeaderMap, name: &header::HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

fn content_type(path: &Path) -> HeaderValue {
    let known = mime_guess::from_path(path).first_raw();
    HeaderValue::from_static(known.unwrap_or("application/octet-stream"))
}
