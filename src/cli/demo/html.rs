//! HTML building with mandatory escaping.
//!
//! An [`Html`] is created from text, which is escaped, or from a compiled-in page whose placeholders are replaced
//! by other [`Html`]. Text of a request therefore never becomes markup.

/// Escaped HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Html(String);

impl Html {
    /// Creates markup from a compiled-in text.
    pub(super) fn literal(markup: &'static str) -> Html {
        Html(markup.to_owned())
    }

    /// Escapes text for elements and for quoted attributes.
    pub(super) fn text(text: &str) -> Html {
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
        Html(escaped)
    }

    /// Replaces each placeholder `{{name}}` of a page by its value, and by nothing if it has none. Values are not
    /// searched for placeholders, so `{{` in a value remains.
    pub(super) fn fill(page: &'static str, values: &[(&str, Html)]) -> Html {
        let mut filled = String::with_capacity(page.len());
        let mut rest = page;
        while let Some((before, name, after)) = next_placeholder(rest) {
            filled.push_str(before);
            if let Some((_, Html(value))) = values.iter().find(|(known, _)| *known == name) {
                filled.push_str(value);
            }
            rest = after;
        }
        filled.push_str(rest);
        Html(filled)
    }

    /// Joins parts without a separator.
    pub(super) fn concat(parts: impl Iterator<Item = Html>) -> Html {
        Html(parts.map(Html::into_string).collect())
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Returns the text before the next placeholder, its name, and the text after it.
fn next_placeholder(page: &str) -> Option<(&str, &str, &str)> {
    let (before, behind) = page.split_once("{{")?;
    let (name, after) = behind.split_once("}}")?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_open_an_element_or_leave_an_attribute() {
        let html = Html::text(r#"<b title="it's">&"#).into_string();
        assert_eq!(html, "&lt;b title=&quot;it&#39;s&quot;&gt;&amp;");
    }

    #[test]
    fn placeholders_are_replaced_once_and_values_are_not_searched() {
        let values = [("a", Html::text("{{b}}")), ("b", Html::text("<"))];
        assert_eq!(Html::fill("1 {{a}} 2 {{b}} 3 {{c}} 4", &values).into_string(), "1 {{b}} 2 &lt; 3  4");
    }
}
