//! HTML of generated pages.

use http::{HeaderValue, StatusCode};

use crate::model::error_page::ErrorPageText;

/// Returns the built-in page for an error. `explanation` is not escaped.
pub fn plain(status: StatusCode, explanation: &str) -> String {
    let (code, title) = (status.as_u16(), status.canonical_reason().unwrap_or("Error"));
    page(&format!("{code} {title}"), &format!("<span>{code}</span> {title}"), explanation)
}

/// Returns a page with the configured texts. Title and header are escaped; the message is HTML.
pub fn message(status: StatusCode, text: &ErrorPageText) -> String {
    let header = format!("<span>{}</span> {}", status.as_u16(), escape(&text.header));
    page(&escape(&text.title), &header, &text.message)
}

fn page(title: &str, header: &str, message: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\n\
         <style>:root{{color-scheme:light dark}}body{{font:1.1rem/1.5 system-ui,sans-serif;\
         max-width:34rem;margin:18vh auto 0;padding:0 1.5rem}}h1{{font-size:1.6rem;margin:0 0 .5rem}}\
         h1 span{{opacity:.5;font-weight:400}}p{{margin:0}}</style>\n\
         <h1>{header}</h1><p>{message}</p>\n</html>\n"
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Media type of all generated pages.
pub const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_and_header_are_escaped_and_the_message_is_html() {
        let text = ErrorPageText {
            title: "a <b> & \"c\"".to_owned(),
            header: "<script>".to_owned(),
            message: "<a href='/'>home</a>".to_owned(),
        };
        let page = message(StatusCode::NOT_FOUND, &text);
        assert!(page.contains("<title>a &lt;b&gt; &amp; &quot;c&quot;</title>"), "{page}");
        assert!(page.contains("<span>404</span> &lt;script&gt;</h1>"), "{page}");
        assert!(page.contains("<p><a href='/'>home</a></p>"), "{page}");
    }
}
