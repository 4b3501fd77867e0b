//! HTML that cannot be broken by what a client sent.
//!
//! An [`Html`] is made from text, which is escaped, or from a page of this program with its gaps
//! filled by other `Html`. There is no way from a request to markup.

/// Markup that is safe to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Html(String);

impl Html {
    /// Markup written in this program.
    pub(super) fn literal(markup: &'static str) -> Html {
        Html(markup.to_owned())
    }

    /// Text from anywhere; it shows as it is, in elements and in quoted attributes.
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

    /// A page with each `{{name}}` replaced by its value. The values are not looked into, so one that
    /// contains `{{` stays as it is. A gap without a value stays empty.
    pub(super) fn fill(page: &'static str, values: &[(&str, Html)]) -> Html {
        let mut filled = String::with_capacity(page.len());
        let mut rest = page;
        while let Some((before, name, after)) = next_gap(rest) {
            filled.push_str(before);
            if let Some((_, Html(value))) = values.iter().find(|(known, _)| *known == name) {
                filled.push_str(value);
            }
            rest = after;
        }
        filled.push_str(rest);
        Html(filled)
    }

    pub(super) fn concat(parts: impl Iterator<Item = Html>) -> Html {
        Html(parts.map(Html::into_string).collect())
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

fn next_gap(page: &str) -> Option<(&str, &str, &str)> {
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
    fn gaps_are_filled_once_and_values_are_not_looked_into() {
        let values = [("a", Html::text("{{b}}")), ("b", Html::text("<"))];
        assert_eq!(Html::fill("1 {{a}} 2 {{b}} 3 {{c}} 4", &values).into_string(), "1 {{b}} 2 &lt; 3  4");
    }
}
