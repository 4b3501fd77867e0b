//! Parses external URLs.
//!
//! They determine host names, ports, HTTPS and certificate paths.

use crate::config::diagnostic::Diagnostic;
use crate::config::document::Spanned;
use crate::config::span::SourceSpan;
use crate::model::host::{HostName, ParsedAuthority};

/// A parsed external URL of a service.
#[derive(Debug, Clone)]
pub(super) struct ExternalUrl {
    pub(super) scheme: ExternalScheme,
    /// The host as written. The package's certificate paths keep its case.
    pub(super) host: String,
    pub(super) name: HostName,
    pub(super) port: u16,
    /// The path without a trailing slash; empty for the root.
    pub(super) path: String,
    pub(super) span: SourceSpan,
}

/// Scheme of an external URL: `http` (or `ws`), `https` (or `wss`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExternalScheme {
    Http,
    Https,
}

impl ExternalScheme {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            ExternalScheme::Http => "http",
            ExternalScheme::Https => "https",
        }
    }

    /// Returns the default port.
    pub(super) fn port(self) -> u16 {
        match self {
            ExternalScheme::Http => 80,
            ExternalScheme::Https => 443,
        }
    }
}

impl ExternalUrl {
    /// Returns scheme and authority, such as `https://gitlab.example.com:8443`.
    pub(super) fn origin(&self) -> String {
        match self.port {
            port if port == self.scheme.port() => format!("{}://{}", self.scheme.as_str(), self.name),
            port => format!("{}://{}:{port}", self.scheme.as_str(), self.name),
        }
    }

    /// Parses the URL of `service`. As in the package, user information, query and fragment are ignored.
    pub(super) fn parse(setting: &Spanned<String>, service: &str) -> Result<ExternalUrl, Diagnostic> {
        ExternalUrl::parse_among(&WEB, setting, service)
    }

    fn parse_among(
        schemes: &SchemePair,
        setting: &Spanned<String>,
        service: &str,
    ) -> Result<ExternalUrl, Diagnostic> {
        let [(plain, _), (encrypted, _)] = *schemes;
        let text = setting.value.as_str();
        let error = |message: String| Diagnostic::error(&setting.span, message);
        if text.trim() != text || text.contains(char::is_whitespace) {
            return Err(error(format!("the URL of {service} contains blanks: {text:?}")).help("remove them"));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(error(format!("the URL of {service} has no scheme and host: `{text}`"))
                .help(format!("write '{encrypted}://{}'", text.trim_start_matches('/'))));
        };
        let known = schemes.iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name)).map(|(_, scheme)| *scheme);
        let scheme = known.ok_or_else(|| {
            let other = scheme.to_ascii_lowercase();
            error(format!("unsupported scheme `{other}` in the URL of {service}"))
                .help(format!("write {plain}:// or {encrypted}://"))
        })?;
        let (authority, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
        let path = path.split(['?', '#']).next().unwrap_or("");
        let host = authority.rsplit('@').next().unwrap_or(authority);
        let parsed = ParsedAuthority::parse(host).map_err(|why| {
            error(format!("invalid host in the URL of {service}: {why}"))
                .help(format!("write a URL such as '{encrypted}://gitlab.example.com'"))
        })?;
        let name = HostName::parse(&parsed.host)
            .map_err(|why| error(format!("invalid host name in the URL of {service}: {why}")))?;
        let port = parsed.port.unwrap_or(scheme.port());
        Ok(ExternalUrl {
            scheme,
            host: without_port(host).to_owned(),
            name,
            port,
            path: path.trim_end_matches('/').to_owned(),
            span: setting.span.clone(),
        })
    }

    /// Parses the URL of the agent server, whose schemes are `ws` and `wss`.
    pub(super) fn parse_agent(setting: &Spanned<String>) -> Result<ExternalUrl, Diagnostic> {
        ExternalUrl::parse_among(&AGENTS, setting, "the agent server")
    }

    /// Parses the URL of a service that is served only at the root of its host.
    pub(super) fn parse_root(setting: &Spanned<String>, service: &str) -> Result<ExternalUrl, Diagnostic> {
        let url = ExternalUrl::parse(setting, service)?;
        if url.path.is_empty() {
            return Ok(url);
        }
        Err(Diagnostic::error(&setting.span, format!("the URL of {service} cannot have a path: `{}`", url.path))
            .help(format!(
                "use a separate host name for {service}, and write '{}://…' without a path",
                url.scheme.as_str()
            )))
    }
}

/// Plain and TLS variant of a scheme.
type SchemePair = [(&'static str, ExternalScheme); 2];

const WEB: SchemePair = [("http", ExternalScheme::Http), ("https", ExternalScheme::Https)];

/// Agents connect by WebSocket.
const AGENTS: SchemePair = [("ws", ExternalScheme::Http), ("wss", ExternalScheme::Https)];

fn without_port(host: &str) -> &str {
    match host.rfind(']') {
        Some(end) => &host[..=end],
        None => host.split(':').next().unwrap_or(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::span::SourceFile;
    use std::path::Path;

    fn parse(text: &str) -> Result<ExternalUrl, String> {
        let span = SourceSpan::file(&SourceFile::new(Path::new("gitlab.rb"), ""));
        ExternalUrl::parse(&Spanned { value: text.to_owned(), span }, "GitLab").map_err(|error| error.message)
    }

    #[test]
    fn scheme_host_port_and_path_are_read() {
        let url = parse("HTTPS://user@GitLab.Example.COM:8443/git/?a=b").unwrap();
        assert_eq!(
            (url.scheme, url.host.as_str(), url.port, url.path.as_str()),
            (ExternalScheme::Https, "GitLab.Example.COM", 8443, "/git")
        );
        assert_eq!(url.name.as_str(), "gitlab.example.com");
        let url = parse("http://[2001:db8::1]").unwrap();
        assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("[2001:db8::1]", 80, ""));
    }

    #[test]
    fn an_invalid_url_is_an_error() {
        assert!(parse("gitlab.example.com:8080").unwrap_err().contains("no scheme and host"));
        assert!(parse("ftp://gitlab.example.com").unwrap_err().contains("`ftp`"));
        assert!(parse(" https://gitlab.example.com").unwrap_err().contains("blanks"));
        assert!(parse("https://").unwrap_err().contains("invalid host"));
        assert!(parse("https://exa mple").is_err());
    }
}
