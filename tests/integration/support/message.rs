//! Strict HTTP/1 message parser: ambiguous messages are errors.

use std::io;

/// Start line and header fields of a message.
#[derive(Debug, Clone)]
pub struct Head {
    /// All bytes, including the empty line.
    pub raw: Vec<u8>,
    pub fields: Fields,
}

/// A complete message.
#[derive(Debug, Clone)]
pub struct Message {
    pub head: Head,
    pub body: Vec<u8>,
    pub trailers: Fields,
}

/// Names and values in order of arrival; names keep their case.
pub type Fields = Vec<(String, String)>;

/// Framing of a message body (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Empty,
    Length(u64),
    Chunked,
    UntilClose,
}

impl Head {
    /// Parses a head that ends with an empty line.
    pub fn parse(raw: Vec<u8>) -> io::Result<Head> {
        let text = String::from_utf8_lossy(&raw).into_owned();
        let (_, fields) = text.split_once("\r\n").ok_or_else(|| malformed("no start line"))?;
        let fields = parse_fields(fields)?;
        Ok(Head { raw, fields })
    }

    /// Returns the start line without its line end.
    pub fn start_line(&self) -> &[u8] {
        let end = self.raw.iter().position(|byte| *byte == b'\r').unwrap_or(self.raw.len());
        &self.raw[..end]
    }

    pub fn method(&self) -> String {
        String::from_utf8_lossy(self.start_line_part(0)).into_owned()
    }

    /// Returns the request target, byte for byte.
    pub fn target(&self) -> &[u8] {
        self.start_line_part(1)
    }

    pub fn status(&self) -> u16 {
        String::from_utf8_lossy(self.start_line_part(1)).parse().unwrap()
    }

    /// Returns the value of a header; fails if it occurs more than once.
    #[track_caller]
    pub fn value(&self, name: &str) -> Option<&str> {
        let values = self.values(name);
        assert!(values.len() <= 1, "{name} occurs more than once: {values:?}");
        values.first().copied()
    }

    /// Returns all values of a header, in order.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let same = self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect()
    }

    pub fn has(&self, name: &str) -> bool {
        !self.values(name).is_empty()
    }

    /// Returns the framing of a request body. Ambiguous framing is an error.
    pub fn request_framing(&self) -> io::Result<Framing> {
        Ok(self.declared_framing()?.unwrap_or(Framing::Empty))
    }

    /// Returns the framing of the body of a response to `method`.
    pub fn response_framing(&self, method: &str) -> io::Result<Framing> {
        let declared = self.declared_framing()?;
        let bodiless = matches!(self.status(), 100..=199 | 204 | 304) || method == "HEAD";
        Ok(if bodiless { Framing::Empty } else { declared.unwrap_or(Framing::UntilClose) })
    }

    fn declared_framing(&self) -> io::Result<Option<Framing>> {
        match (&self.values("content-length")[..], &self.values("transfer-encoding")[..]) {
            ([], []) => Ok(None),
            ([length], []) if is_number(length) => {
                Ok(Some(Framing::Length(length.parse().map_err(|_| malformed("a length that is too long"))?)))
            }
            ([], ["chunked"]) => Ok(Some(Framing::Chunked)),
            (lengths, codings) => {
                Err(malformed(&format!("ambiguous framing: lengths {lengths:?}, codings {codings:?}")))
            }
        }
    }

    fn start_line_part(&self, index: usize) -> &[u8] {
        self.start_line().split(|byte| *byte == b' ').nth(index).unwrap_or_default()
    }
}

impl Message {
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Parses `name: value` lines up to an empty line.
pub fn parse_fields(text: &str) -> io::Result<Fields> {
    let mut fields = Vec::new();
    for line in text.split_terminator("\r\n").take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("a header line without a colon"))?;
        if name.is_empty() || name.contains([' ', '\t']) || line.contains(['\r', '\n', '\0']) {
            return Err(malformed(&format!("a bad header line: {line:?}")));
        }
        fields.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
    }
    Ok(fields)
}

pub fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
